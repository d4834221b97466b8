"""`rlm-async show RUN`: a run of the journal as one HTML page that opens from disk."""

from __future__ import annotations

import os
import re
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path

from rlm_async.cli.amounts import count
from rlm_async.cli.report import COMPLETE
from rlm_async.cli.runs_place import place
from rlm_async.cli.streams import write, write_line
from rlm_async.core.events import NodeAdded
from rlm_async.errors import ConfigError
from rlm_async.journal import Journal
from rlm_async.telemetry.page import render


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which run, from which journal, to which file."""

    run: str = "last"
    journal: str | None = None
    output: str | None = None
    """A file, a folder, `-` for stdout; None: `run-NAME.html` here."""
    content: bool = True
    open: bool = False
    """Open it in the browser."""


def shown(asked: Shown) -> int:
    """Write the page and print where it is; raises ConfigError."""
    if asked.output == "-" and asked.open:
        raise ConfigError("--open needs a file: leave out -o -")
    with Journal(place(asked.journal, os.environ), create=False) as journal:
        record = journal.run(asked.run)
        trace = journal.events(record.run)
    page = render(trace, content=asked.content)
    if asked.output == "-":
        write(page, sys.stdout)
        return COMPLETE
    target = _target(asked.output, record.run)
    try:
        target.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error.strerror}; name another file with -o") from error
    write_line(str(target), sys.stdout)
    nodes = sum(isinstance(event, NodeAdded) and not event.shared for event in trace)
    write_line(f"{record.status}: {count(nodes, 'node')}, {count(len(page), 'byte')}", sys.stderr)
    if asked.open and not webbrowser.open(target.resolve().as_uri()):
        write_line("no browser could be started; open the file by hand", sys.stderr)
    return COMPLETE


def _target(output: str | None, run: str) -> Path:
    """Where the page goes; a run's name may hold what a file name may not."""
    name = f"run-{re.sub(r'[^A-Za-z0-9._-]', '-', run)}.html"
    if output is None:
        return Path(name)
    target = Path(output)
    return target / name if target.is_dir() else target
