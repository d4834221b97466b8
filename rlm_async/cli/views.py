"""Where a run can be watched: a tree in a terminal, plain lines elsewhere, nothing where that is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol, TextIO

import anyio
import anyio.to_thread

from rlm_async.cli.lines import Lines
from rlm_async.cli.progress import Progress
from rlm_async.core.events import Event
from rlm_async.engine.recorder import Clock


class View(Protocol):
    """Shows a run to a person. A sink, too."""

    @property
    def period(self) -> float:
        """Seconds between two frames."""
        ...

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        ...

    def say(self, line: str) -> None:
        """Show a line of text."""
        ...

    def frame(self) -> Callable[[], None] | None:
        """What brings the view up to date, to be called in a thread; None where nothing is to do."""
        ...

    def close(self) -> None:
        """Show the end."""
        ...

    def abandon(self) -> None:
        """Put the terminal right in a hurry."""
        ...


class Unseen:
    """The view that shows nothing, for `--quiet`."""

    period = 60.0

    def __init__(self, progress: Progress) -> None:
        """Keep `progress` up to date."""
        self.progress = progress

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        self.progress(event)

    def say(self, line: str) -> None:
        """Drop it."""

    def frame(self) -> Callable[[], None] | None:
        """Nothing is to do."""
        return None

    def close(self) -> None:
        """Nothing is left open."""

    def abandon(self) -> None:
        """Nothing is to be put right."""


def view(stream: TextIO, clock: Clock, *, quiet: bool, color: bool) -> tuple[View, Progress]:
    """The view that suits `stream`, and what it knows of the run."""
    progress = Progress()
    if quiet:
        return Unseen(progress), progress
    if not draws(stream, os.environ):
        return Lines(progress, stream, clock), progress
    from rlm_async.cli.tree import Tree  # noqa: PLC0415 - rich is loaded only where there is a terminal

    return Tree(progress, stream, clock, color=color), progress


def draws(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal that can move its cursor."""
    return stream.isatty() and environ.get("TERM", "xterm") not in {"dumb", "unknown", ""}


async def watch(seen: View) -> None:
    """Keep a view up to date until cancelled."""
    while True:
        await anyio.sleep(seen.period)
        frame = seen.frame()
        if frame is not None:
            with suppress(OSError):  # a terminal that is gone must not end the run; its signal will
                await anyio.to_thread.run_sync(frame, abandon_on_cancel=True)
