"""What a journal's rows say, as values. A connection of its own, which never waits for the writer."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from rlm_async.core.context import Context, Document
from rlm_async.core.data import Data
from rlm_async.core.events import Event
from rlm_async.core.messages import Completion
from rlm_async.core.usage import NOTHING, Limits, ModelInfo, Usage
from rlm_async.errors import ConfigError
from rlm_async.journal import owner
from rlm_async.journal.codec import KINDS, LOST, Unpacker, remade, unpack_context
from rlm_async.journal.records import ContextRecord, Kept, Known, RunFilter, RunRecord, RunStatus, ToolCall
from rlm_async.journal.schema import told
from rlm_async.journal.writer import plain_text

_CONTEXTS = 32
"""Contexts that are kept in memory for whoever reads many events about the same ones."""


class Reader:
    """Reads runs, events, completions and contexts. Safe to use from every thread, one at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Read over `connection`, which is closed with the reader."""
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only=ON")
        connection.create_function("folded", 1, str.casefold, deterministic=True)  # SQLite's lower() knows ASCII only
        self._connection = connection
        self._path = path
        self._lock = threading.RLock()
        self._context: Callable[[bytes], Context] = lru_cache(_CONTEXTS)(self._found_context)
        self._unpacker = Unpacker(self._text, self._context)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def runs(self, wanted: RunFilter) -> list[RunRecord]:
        """The runs that are wanted, newest first."""
        clauses, values = _clauses(wanted)
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        found = []
        with self._reading():
            for row in self._connection.execute(f"SELECT * FROM runs {where} ORDER BY number DESC", values):  # noqa: S608 - fixed clauses
                record = self._record(row)
                if wanted.status in {None, record.status}:
                    found.append(record)
                if len(found) == wanted.most:
                    break
        return found

    def run(self, name: str) -> RunRecord:
        """The run of that name, of which it is the beginning, or `last`; raises ConfigError."""
        if name == "last":
            rows = self._rows("SELECT * FROM runs ORDER BY number DESC LIMIT 1")
        else:
            rows = self._rows("SELECT * FROM runs WHERE run = ?", name)
            rows = rows or self._rows("SELECT * FROM runs WHERE substr(run, 1, ?) = ? LIMIT 6", len(name), name)
        if len(rows) == 1 and name:
            with self._reading():
                return self._record(rows[0])
        if not rows or not name:
            raise ConfigError(f"there is no run {name!r} in {self._path}; `rlm-async runs` lists them")
        names = ", ".join(row["run"] for row in rows[:5])
        raise ConfigError(f"several runs begin with {name!r} ({names}); write more of the name")

    def events(self, run: str, after: int = -1) -> list[tuple[int, Event]]:
        """The run's events with their positions, those after position `after`; of kinds that are known here."""
        query = "SELECT position, kind, body FROM events WHERE run = ? AND position > ? ORDER BY position"
        with self._reading():
            rows = self._connection.execute(query, (self._number(run), after)).fetchall()
            return [
                (row["position"], self._unpacker.unpack(row["body"], KINDS[row["kind"]]))
                for row in rows
                if row["kind"] in KINDS
            ]

    def completions(self, run: str) -> list[Kept]:
        """The run's requests and how they ended, by node and turn."""
        with self._reading():
            rows = self._connection.execute(
                "SELECT * FROM completions WHERE run = ? ORDER BY node, turn, occurrence", (self._number(run),)
            ).fetchall()
            return [self._kept(row) for row in rows]

    def tools(self, run: str) -> list[ToolCall]:
        """What the caller's functions returned, equal calls in the order in which they were made."""
        with self._reading():
            rows = self._connection.execute(
                "SELECT * FROM tools WHERE run = ? ORDER BY key, occurrence", (self._number(run),)
            ).fetchall()
            return [
                ToolCall(key=row["key"].hex(), occurrence=row["occurrence"], value=self._data(row["body"]))
                for row in rows
            ]

    def context(self, digest: str) -> Context | None:
        """The context of that digest, if its text was kept."""
        raw = bytes.fromhex(digest)
        if not self._rows("SELECT 1 FROM contexts WHERE digest = ?", raw):
            return None
        with self._reading():
            return self._context(raw)

    def unfinished(self, identity: bytes) -> str:
        """The newest run of the same question, if it has no complete answer and nobody works on it; else empty."""
        for row in self._rows("SELECT * FROM runs WHERE identity = ? ORDER BY number DESC", identity):
            status = _status(row)
            if status == "complete":
                return ""
            if status != "running":
                return str(row["run"])
        return ""

    def resumable(self, run: str) -> Known:
        """What a run had answered, and what those had that it resumed itself."""
        kept: dict[tuple[str, int], Kept] = {}
        tools: dict[tuple[str, int], ToolCall] = {}
        seen: set[str] = set()
        while run and run not in seen:
            seen.add(run)
            for one in self.completions(run):
                if one.completion is not None:
                    kept.setdefault((one.key, one.occurrence), one)
            for call in self.tools(run):
                tools.setdefault((call.key, call.occurrence), call)
            rows = self._rows("SELECT origin FROM runs WHERE run = ?", run)
            run = str(rows[0]["origin"]) if rows else ""
        return Known(tuple(kept.values()), tuple(tools.values()))

    def of_batch(self, batch: str, key: bytes, first: int = 0) -> Completion | None:
        """What any run of a batch, from number `first` on, was answered to a request."""
        query = (
            "SELECT completions.body FROM completions JOIN runs ON runs.number = completions.run"
            " WHERE key = ? AND batch = ? AND runs.number >= ? AND completions.error = '' AND occurrence = 0 LIMIT 1"
        )
        with self._reading():
            row = self._connection.execute(query, (key, batch, first)).fetchone()
            return None if row is None else self._unpacker.unpack(row["body"], Completion)

    def runs_of_batch(self, batch: str, first: int) -> list[tuple[int, bool]]:
        """Numbers of a batch's runs from `first` on, and whether somebody still writes them."""
        query = "SELECT number, owner, status FROM runs WHERE number >= ? AND +batch = ? ORDER BY number"
        rows = self._rows(query, first, batch)
        writing = {row["owner"]: False for row in rows if row["status"] == "running"}
        writing = {name: owner.alive(name) for name in writing}
        return [(row["number"], row["status"] == "running" and writing[row["owner"]]) for row in rows]

    def keys(self, number: int) -> list[bytes]:
        """The keys of the requests that a run was answered."""
        query = "SELECT key FROM completions WHERE run = ? AND error = '' AND occurrence = 0"
        return [row["key"] for row in self._rows(query, number)]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock, told(self._path):
            yield

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._reading():
            return self._connection.execute(query, values).fetchall()

    def _number(self, run: str) -> int:
        row = self._connection.execute("SELECT number FROM runs WHERE run = ?", (run,)).fetchone()
        if row is None:
            raise ConfigError(f"there is no run {run!r} in {self._path}; `rlm-async runs` lists them")
        return int(row["number"])

    def _text(self, digest: bytes) -> str:
        row = self._connection.execute("SELECT packed, body FROM texts WHERE digest = ?", (digest,)).fetchone()
        return LOST if row is None else plain_text(row["packed"], row["body"])

    def _found_context(self, digest: bytes) -> Context:
        row = self._connection.execute("SELECT shape, body FROM contexts WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            return Context((Document("context", LOST),))
        return unpack_context(row["shape"], row["body"], self._text)

    def _kept(self, row: sqlite3.Row) -> Kept:
        return Kept(
            key=row["key"].hex(),
            occurrence=row["occurrence"],
            node=row["node"],
            turn=row["turn"],
            completion=None if row["error"] else self._unpacker.unpack(row["body"], Completion),
            error=row["error"],
            failure=self._unpacker.data(row["body"]) if row["error"] else {},
            free=bool(row["free"]),
        )

    def _record(self, row: sqlite3.Row) -> RunRecord:
        settings = self._unpacker.data(row["opening"])
        return RunRecord(
            run=row["run"],
            status=_status(row),
            started=row["started"],
            ended=row["ended"],
            question=row["question"],
            context=remade(ContextRecord, settings["context"]),
            model=row["model"],
            sub_model=settings["sub_model"],
            strategy=settings["strategy"],
            schema=settings["schema"],
            limits=remade(Limits, settings["limits"]),
            infos=_infos(settings["infos"]),
            tools=settings["tools"],
            depths=settings.get("depths", {}),
            folding=settings.get("folding", "elide"),
            version=row["version"],
            content=row["content"],
            usage=_usage(row),
            recalled=self._unpacker.unpack(row["recalled"], Usage) if row["recalled"] else NOTHING,
            nodes=row["nodes"],
            text=row["text"],
            data=self._data(row["data"]),
            limit=row["cut"],
            error=row["error"],
            origin=row["origin"],
            batch=row["batch"],
            item=row["item"],
        )

    def _data(self, body: bytes | None) -> Data:
        data: Any = self._unpacker.data(body) if body else None
        return data  # type: ignore[no-any-return]  # packed from Data


def _clauses(wanted: RunFilter) -> tuple[list[str], list[object]]:
    clauses: list[str] = []
    values: list[object] = []
    for clause, value in (
        ("started >= ?", wanted.since),
        ("started < ?", wanted.before),
        ("batch = ?", wanted.batch),
        ("item = ?", wanted.item),
    ):
        if value is not None:
            clauses.append(clause)
            values.append(value)
    if wanted.text:
        clauses.append("(instr(folded(question), ?) OR instr(folded(text), ?))")
        values += [wanted.text.casefold()] * 2
    return clauses, values


def _status(row: sqlite3.Row) -> RunStatus:
    status: RunStatus = row["status"]
    return "interrupted" if status == "running" and not owner.alive(row["owner"]) else status


def _infos(wire: Any) -> dict[str, ModelInfo]:  # noqa: ANN401 - packed data
    """What was known of models; rlm-async 0.1 before its release wrote a list."""
    named = wire if isinstance(wire, dict) else {info["name"]: info for info in wire}
    return {name: remade(ModelInfo, info) for name, info in named.items()}


def _usage(row: sqlite3.Row) -> Usage:
    return Usage(
        calls=row["calls"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        cached_tokens=row["cached_tokens"],
        nanos=row["nanos"],
    )
