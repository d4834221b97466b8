"""Executors that installed distributions offer as entry points of the group `rlm_async.executors`.

An entry point is named like the scheme of `--executor SCHEME` or `--executor SCHEME:ADDRESS`, and names a callable
`make(placement, lender)` that gives a `ports.Executor`. It is loaded when it is named, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points

from rlm_async.core.placement import Placement
from rlm_async.errors import ConfigError
from rlm_async.ports import Executor, Lender

GROUP = "rlm_async.executors"


def scheme(url: str) -> str:
    """What comes before the first colon."""
    return url.partition(":")[0]


def installed() -> Mapping[str, EntryPoint]:
    """Entry points of plugins by name; nothing is loaded."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


def check_scheme(url: str) -> None:
    """Raise ConfigError where no executor goes by the URL's scheme; it lists those that are there."""
    found = installed()
    if scheme(url) not in found:
        names = ", ".join(["postgresql://USER@HOST/NAME", *found])
        raise ConfigError(f"--executor: name a database or a plugin's cluster: {names}; there is none for this one")


def made(placement: Placement, lender: Lender) -> Executor:
    """The executor of a placement's URL; raises ConfigError, which names the distribution at fault."""
    entry = installed()[scheme(placement.url)]
    source = f"the executor {entry.name!r} of {entry.dist.name if entry.dist is not None else entry.value}"
    try:
        make: Callable[[Placement, Lender], Executor] = entry.load()
        executor = make(placement, lender)
    except Exception as error:  # a boundary: a plugin's import and factory may raise anything
        raise ConfigError(f"{source} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(getattr(executor, "execute", None)):
        raise ConfigError(f"{source} gives a {type(executor).__name__}, which executes nothing")
    return executor
