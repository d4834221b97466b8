"""What an executor of a plugin is told when it is made: where, how many, and how its workers begin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A place for a batch. It may travel to the workers, so it is plain data.

    `url` is what `--executor` said. `workers` is how many there should be, `most` how many items each may have in
    hand. `opens` names what a worker opens: `module:function`, an async context manager of a `ports.Job` that
    gives a `ports.Asker`.
    """

    url: str
    opens: str
    workers: int = 1
    most: int = 64
