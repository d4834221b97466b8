"""What an idiom is: a cell, what it must come to, and how many calls it makes; the model and the texts for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent

Count = Callable[[int], int]

FOUND = 5
"""Where the loops that stop when they have found something find it: the sixth text."""


NARROW = 4
"""Requests ahead of a loop that may stop, see `rlm_async.engine.speculation`."""


def say(prompt: str) -> str:
    """What the model says."""
    if "json" in prompt:
        return json.dumps({"label": "abc"[len(prompt) % 3], "score": _sum(prompt) % 7})
    if "number" in prompt:
        return str(_sum(prompt) % 100)
    return f"{'yes' if _sum(prompt) % 2 else 'no'}: {prompt[:24].strip()}"


def _sum(text: str) -> int:
    return sum(i * ord(letter) for i, letter in enumerate(text, 1))


def texts(n: int) -> list[str]:
    """The context."""
    return [f"chunk {i} of the text" for i in range(n)]


@dataclass(frozen=True, slots=True)
class Idiom:
    """One way to write a loop. `calls` and `peak` are those of ours; `most` the calls with speculation.

    `goal` is the time allowed by the issue, in multiples of the bare program's; None where there is none.
    """

    source: str
    calls: Count = lambda n: n
    peak: Count = lambda n: n
    most: Count | None = None
    goal: float | None = None
    plain_peak: Count | None = None
    """The peak without run-ahead; the same where it is not given."""


def cell(text: str) -> str:
    """A cell's source, as it is written in the table."""
    return dedent(text).strip() + "\n"


def one(n: int) -> int:
    """One call, however many texts."""
    del n
    return 1


def until_found(n: int) -> int:
    """The calls of a loop that stops when it has found something."""
    return min(n, FOUND + 1)


def few(n: int) -> int:
    """In flight where a loop may stop."""
    return min(n, 1 + NARROW)


def and_few(n: int) -> int:
    """The calls of such a loop, and those that go ahead of it."""
    return until_found(n) + NARROW


def twice(n: int) -> int:
    """Two calls a text."""
    return 2 * n
