"""What is written to a journal, one kind of row each: packed beside the event loop, then written in a group."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Protocol

from rlm_async.core.answer import Answer
from rlm_async.core.description import describe
from rlm_async.core.events import Event, ModelReplied, NodeAdded, RunEnded
from rlm_async.core.messages import Completion
from rlm_async.core.usage import NOTHING, Usage
from rlm_async.journal.codec import Packer, wordless
from rlm_async.journal.records import Content, ContextRecord, Opening, ToolCall


class Row(Protocol):
    """One thing to be written."""

    def pack(self, packer: Packer) -> None:
        """Turn values into bytes; takes time, holds no lock."""
        ...

    def write(self, connection: sqlite3.Connection) -> int | None:
        """Write them, in a transaction; returns the run's number where texts were left with the packer."""
        ...


@dataclass(slots=True, kw_only=True)
class RunRow:
    """The beginning of a run; `number` is there once it has been written."""

    opening: Opening
    owner: str
    origin: str
    content: Content
    number: int = 0
    body: bytes = b""

    def pack(self, packer: Packer) -> None:
        """Pack what prompts depend on, and what describes the input."""
        opening = self.opening
        settings = {
            "limits": opening.limits,
            "infos": opening.infos,
            "tools": opening.tools if self._told else {},
            "sub_model": opening.sub_model,
            "strategy": opening.query.strategy,
            "folding": opening.folding,
            "schema": opening.query.schema if self._told else None,
            "context": context_record(opening, self.content),
        }
        self.body = packer.pack(settings)

    def write(self, connection: sqlite3.Connection) -> int | None:
        """Insert it."""
        opening = self.opening
        values = {
            "run": opening.run,
            "identity": opening.identity,
            "owner": self.owner,
            "started": opening.started,
            "model": opening.query.model,
            "question": legible(opening.query.prompt) if self._told else "",
            "origin": opening.origin or self.origin,
            "batch": opening.batch,
            "item": opening.item,
            "version": opening.version,
            "content": self.content,
            "opening": self.body,
        }
        names = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        cursor = connection.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608 - names from above
        self.number = cursor.lastrowid or 0
        return self.number

    @property
    def _told(self) -> bool:
        return self.content != "none"


@dataclass(slots=True)
class EventRow:
    """One event of a run's trace; those that cost something are added up in the run's row."""

    run: int
    position: int
    event: Event
    content: Content
    body: bytes = b""

    def pack(self, packer: Packer) -> None:
        """Pack the event, without its words where content is off."""
        self.body = packer.pack(wordless(self.event) if self.content == "none" else self.event)

    def write(self, connection: sqlite3.Connection) -> int | None:
        """Insert it."""
        kind = type(self.event).__name__
        values = (self.run, self.position, kind, self.body)
        connection.execute("INSERT INTO events (run, position, kind, body) VALUES (?, ?, ?, ?)", values)
        if isinstance(self.event, ModelReplied):
            add = "calls=calls+?, prompt_tokens=prompt_tokens+?, completion_tokens=completion_tokens+?, "
            add += "cached_tokens=cached_tokens+?, nanos=nanos+?"  # NULL, an unknown price, stays so
            connection.execute(f"UPDATE runs SET {add} WHERE number=?", (*amounts(self.event.usage), self.run))  # noqa: S608 - fixed names
        elif isinstance(self.event, NodeAdded) and not self.event.shared:
            connection.execute("UPDATE runs SET nodes=nodes+1 WHERE number=?", (self.run,))
        elif isinstance(self.event, RunEnded):
            self._end(connection, self.event)
        return self.run

    def _end(self, connection: sqlite3.Connection, event: RunEnded) -> None:
        text = legible(event.text) if self.content != "none" else ""
        error = legible(event.error) if self.content != "none" else event.error.partition(":")[0]
        connection.execute(
            "UPDATE runs SET status=?, text=?, error=?, ended=started+? WHERE number=?",
            (event.status, text, error, event.at, self.run),
        )


@dataclass(slots=True, kw_only=True)
class CompletionRow:
    """One request and how it ended."""

    run: int
    key: str
    occurrence: int
    place: tuple[int, int]
    """Its node, and which of the node's requests it was."""
    completion: Completion | None = None
    failure: dict[str, object] = field(default_factory=dict)
    free: bool = False
    body: bytes = b""

    def pack(self, packer: Packer) -> None:
        """Pack the completion, or what made it fail."""
        self.body = packer.pack(self.failure if self.completion is None else self.completion)

    def write(self, connection: sqlite3.Connection) -> int | None:
        """Insert it; one that is there already stays."""
        error = (
            ""
            if self.completion is not None
            else legible(f"{self.failure.get('class')}: {self.failure.get('message')}")
        )
        connection.execute(
            "INSERT OR IGNORE INTO completions (run, key, occurrence, node, turn, free, error, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self.run, bytes.fromhex(self.key), self.occurrence, *self.place, self.free, error, self.body),
        )
        return self.run


@dataclass(slots=True)
class ToolRow:
    """What one of the caller's functions returned."""

    run: int
    call: ToolCall
    body: bytes = b""

    def pack(self, packer: Packer) -> None:
        """Pack the value."""
        self.body = packer.pack(self.call.value)

    def write(self, connection: sqlite3.Connection) -> int | None:
        """Insert it."""
        values = (self.run, bytes.fromhex(self.call.key), self.call.occurrence, self.body)
        connection.execute("INSERT OR IGNORE INTO tools (run, key, occurrence, body) VALUES (?, ?, ?, ?)", values)
        return self.run


@dataclass(slots=True, kw_only=True)
class EndRow:
    """What the trace does not tell of a run's end; without an answer the run was given up."""

    run: int
    answer: Answer | None
    ended: float
    content: Content
    data: bytes = b""
    recalled: bytes = b""

    def pack(self, packer: Packer) -> None:
        """Pack the answer's data, and what earlier runs had paid of it."""
        answer = self.answer
        self.recalled = packer.pack(NOTHING if answer is None else answer.usage.recalled)
        if answer is not None and self.content != "none":
            self.data = packer.pack(answer.data)

    def write(self, connection: sqlite3.Connection) -> int | None:
        """Complete the run's row."""
        if self.answer is None:
            end = "UPDATE runs SET status='interrupted', ended=? WHERE number=?"
            connection.execute(end, (self.ended, self.run))
        else:
            end = "UPDATE runs SET ended=?, cut=?, data=?, recalled=? WHERE number=?"
            connection.execute(end, (self.ended, self.answer.limit, self.data, self.recalled, self.run))
        return self.run


def context_record(opening: Opening, content: Content) -> ContextRecord:
    """What is told of a run's input."""
    context = opening.query.context
    return ContextRecord(
        digest=context.digest,
        shape=context.shape,
        documents=len(context.documents),
        characters=context.characters,
        description=describe(context) if content == "full" else "",
        kept=content == "full",
    )


def amounts(usage: Usage) -> tuple[int, int, int, int, int | None]:
    """The columns of a usage."""
    return (usage.calls, usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.nanos)


def legible(text: str) -> str:
    """`text` as a database column takes it: lone surrogates are replaced there; the events keep them."""
    return text.encode("utf-8", "replace").decode()


__all__ = ["CompletionRow", "EndRow", "EventRow", "Row", "RunRow", "ToolRow", "amounts", "context_record", "legible"]
