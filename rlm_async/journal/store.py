"""The journal: one file, in which runs last. Read this first.

What is written: each run with its settings, every event of its trace, and every completion under the key of
its request, as they happen. What for: a killed run is resumed, a run is replayed with no model, two runs
are compared, and viewers and exports read it. Several processes may share a file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from rlm_async.core.context import Context
from rlm_async.core.events import Event
from rlm_async.core.usage import Limits
from rlm_async.errors import ConfigError
from rlm_async.journal import pruning
from rlm_async.journal.batch import Batch
from rlm_async.journal.owner import this_process
from rlm_async.journal.reading import Reader
from rlm_async.journal.recording import Recording
from rlm_async.journal.records import CONTENTS, Content, Kept, Known, Opening, RunFilter, RunRecord, ToolCall
from rlm_async.journal.rows import RunRow
from rlm_async.journal.schema import connected, told
from rlm_async.journal.writer import Writer

_BATCHES = 4
"""Batches whose keys are kept in memory."""


class Journal:
    """A store of runs. A context manager: leaving it writes what is on its way and closes the file.

    Everything here may be called from any thread; what touches the disk blocks, so call it in a thread where
    an event loop runs. Nothing is written before the first run begins.
    """

    def __init__(
        self, path: str | Path, *, content: Content = "full", resume: bool = True, create: bool = True
    ) -> None:
        """Open the file; raises ConfigError that names it and says what to do.

        content: "full"; "no-context" leaves the inputs out, which a replay is then given again; "none"
        leaves out every word: neither resume nor replay is possible then. resume: take up the unfinished run
        of a question that is asked again. create: make the file where there is none.
        """
        if content not in CONTENTS:
            raise ConfigError(f"there is no journal content {content!r}; choose one of: {', '.join(CONTENTS)}")
        self.path = Path(path).expanduser()
        self.content: Content = content
        self.resume = resume
        self._owner = this_process()
        self._reader = Reader(connected(self.path, create=create), self.path)
        self._lock = threading.Lock()
        self._writer: Writer | None = None
        self._batches: dict[str, Batch] = {}
        self._closed = False

    def __enter__(self) -> Self:
        """Use it for the length of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Write what is on its way, and close the file; again is harmless."""
        with self._lock:
            closed, self._closed = self._closed, True
        if closed:
            return
        if self._writer is not None:
            self._writer.close()
        self._reader.close()

    # Reading

    def runs(self, wanted: RunFilter | None = None) -> list[RunRecord]:
        """The runs that are wanted, newest first."""
        return self._reader.runs(wanted or RunFilter())

    def run(self, name: str) -> RunRecord:
        """The run of that name, of which `name` is the beginning, or `last`; raises ConfigError."""
        return self._reader.run(name)

    def events(self, run: str) -> list[Event]:
        """The trace of a run by its whole name, as far as it is written: equal to what its sinks were told."""
        return [event for _, event in self._reader.events(run)]

    def events_after(self, run: str, position: int) -> list[tuple[int, Event]]:
        """Events with their positions, those after `position` (-1 for all): for whoever watches a run go on."""
        return self._reader.events(run, position)

    def completions(self, run: str) -> list[Kept]:
        """The requests of a run and how they ended, by node and turn."""
        return self._reader.completions(run)

    def tools(self, run: str) -> list[ToolCall]:
        """What the caller's functions returned in a run, equal calls in the order in which they were made."""
        return self._reader.tools(run)

    def context(self, digest: str) -> Context | None:
        """The context of that digest; None where its text was not kept."""
        return self._reader.context(digest)

    # Writing

    def begin(self, opening: Opening) -> Recording:
        """Begin to write a run; raises ConfigError where nothing can be written.

        What it returns is the run's sink and memo. An unfinished run of the same question is resumed,
        unless `opening` says otherwise: then its completions answer again what they had answered.
        """
        writer = self._writing()
        wanted = opening.resume and self.resume and self.content != "none"
        origin = self._reader.unfinished(opening.identity) if wanted else ""
        known = self._reader.resumable(origin) if origin else Known()
        if origin and not _alike(self._reader.run(origin).limits, opening.limits):
            whole = (kept for kept in known.completions if kept.completion and kept.completion.finish != "length")
            known = Known(tuple(whole), known.tools)
        row = RunRow(opening=opening, owner=self._owner, origin=origin, content=self.content)
        writer.put(row)
        writer.flush()
        batch = self._batch(opening.batch) if opening.batch and self.content != "none" else None
        if batch is not None:
            batch.begun(row.number)
        return Recording(row.number, writer, self.content, origin=origin, known=known, batch=batch)

    def flush(self) -> None:
        """Wait until all that was written before is on disk; raises ConfigError where it could not be."""
        if self._writer is not None:
            self._writer.flush()

    @property
    def commits(self) -> int:
        """How many groups were written by this process: for statistics."""
        return 0 if self._writer is None else self._writer.commits

    def reopen(self, run: str) -> None:
        """Take the status of a complete run from it, so that the same question resumes it instead of beginning anew."""
        with told(self.path), self._changing() as connection:
            connection.execute("UPDATE runs SET status = 'interrupted' WHERE run = ?", (run,))

    @property
    def size(self) -> int:
        """Bytes that are in use; what was deleted is not counted, though only `vacuum` gives it back to the disk."""
        with told(self.path), self._changing() as connection:
            return pruning.used(connection)

    def delete(self, runs: Iterable[str]) -> None:
        """Delete runs by their whole names, and what only they have used."""
        with told(self.path), self._changing() as connection:
            pruning.delete(connection, runs)

    def vacuum(self) -> None:
        """Give the space of deleted runs back to the disk."""
        with told(self.path), self._changing() as connection:
            pruning.vacuum(connection)

    def _batch(self, name: str) -> Batch:
        with self._lock:
            if name not in self._batches:
                while len(self._batches) >= _BATCHES:
                    del self._batches[next(iter(self._batches))]
                self._batches[name] = Batch(name, self._reader, resume=self.resume)
            return self._batches[name]

    def _writing(self) -> Writer:
        with self._lock:
            if self._closed:
                raise ConfigError(f"the journal {self.path} is closed already")
            if self._writer is not None and self._writer.broken:
                self._writer.close()  # the disk may be well again; what was lost stays lost
                self._writer = None
            if self._writer is None:
                connection = connected(self.path, create=True)
                self._writer = Writer(connection, self.path, contexts=self.content == "full")
            return self._writer

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        connection = connected(self.path, create=False)
        try:
            yield connection
        finally:
            connection.close()


def _alike(one: Limits, other: Limits) -> bool:
    """Whether a reply that was cut short under one would be so under the other: time cuts none."""
    return replace(one, seconds=None) == replace(other, seconds=None)
