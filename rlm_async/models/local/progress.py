"""How far a download is, told to a person: a bar in a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rlm_async.models.local.weights import mebibytes

STEP = 10
"""Percent between two plain lines."""


class Reporter(Protocol):
    """Is told what happens while something long is going on."""

    def say(self, line: str) -> None:
        """Take one line of news."""
        ...

    def advance(self, done: int, total: int) -> None:
        """Take the state of the download, in bytes."""
        ...


class Silent:
    """Tells nobody."""

    def say(self, line: str) -> None:
        """Drop it."""

    def advance(self, done: int, total: int) -> None:
        """Drop it."""


class Lines:
    """Writes a line for every ten percent: for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        self.stream = stream
        self._told = -1

    def say(self, line: str) -> None:
        """Write the line."""
        print(line, file=self.stream, flush=True)

    def advance(self, done: int, total: int) -> None:
        """Write a line where another ten percent are done."""
        step = done * 100 // total // STEP if total else 0
        if step < self._told:
            self._told = -1  # another file, or the same from the start
        if step > self._told:
            self._told = step
            self.say(f"  {mebibytes(done)} of {mebibytes(total)} ({step * STEP} %)")


@contextmanager
def reporter(stream: TextIO) -> Iterator[Reporter]:
    """A reporter that suits `stream`: a bar where it is a terminal, plain lines otherwise."""
    if not stream.isatty():
        yield Lines(stream)
        return
    from rlm_async.models.local.bar import bar  # noqa: PLC0415 - rich, which plain lines do not need

    with bar(stream) as drawn:
        yield drawn
