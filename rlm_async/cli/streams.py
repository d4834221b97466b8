"""Standard output and error, when they are closed early, speak another encoding, or end a command."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def prepare() -> None:
    """Let no character end a command: what a stream cannot encode is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def write(text: str, stream: TextIO) -> None:
    """Write `text` and flush; a reader that has gone (`| head`) is no error."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _silence(stream)


def write_line(line: str, stream: TextIO) -> None:
    """Write a line."""
    write(f"{line}\n", stream)


def _silence(stream: TextIO) -> None:
    """Send the rest nowhere: the interpreter flushes once more at its end (Python's note on SIGPIPE)."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
