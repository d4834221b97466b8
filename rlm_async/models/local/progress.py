"""How far a download is, told to a person: a bar in a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

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


class Bar:
    """Draws a progress bar in a terminal."""

    def __init__(self, progress: Progress) -> None:
        """Draw on `progress`, which is running."""
        self.progress = progress
        self._task: TaskID | None = None

    def say(self, line: str) -> None:
        """Print the line above the bar."""
        self.progress.console.print(line, markup=False, highlight=False)

    def advance(self, done: int, total: int) -> None:
        """Move the bar."""
        if self._task is None:
            self._task = self.progress.add_task("weights", total=total)
        self.progress.update(self._task, completed=done, total=total)


@contextmanager
def reporter(stream: TextIO) -> Iterator[Reporter]:
    """A reporter that suits `stream`: a bar where it is a terminal, plain lines otherwise."""
    if not stream.isatty():
        yield Lines(stream)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=stream)) as progress:
        yield Bar(progress)
