"""How far a download is, in a terminal: apart from the rest because rich takes its time to load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


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
def bar(stream: TextIO) -> Iterator[Bar]:
    """A bar on `stream`, for the length of the block."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=stream)) as progress:
        yield Bar(progress)
