"""What is written to a journal, one kind of row each: packed beside the event loop, then written in a group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from rlm_async.core.answer import Answer
from rlm_async.core.description import describe
from rlm_async.core.events import Event, ModelReplied, NodeAdded, RunEnded
from rlm_async.core.messages import Completion
from rlm_async.core.usage import NOTHING
from rlm_async.journal.codec import Packer, wordless
from rlm_async.journal.group import Group
from rlm_async.journal.records import Content, ContextRecord, Opening, ToolCall


class Row(Protocol):
    """One thing to be written."""

    def pack(self, packer: Packer) -> None:
        """Turn values into bytes; takes time, holds no lock."""
        ...

    def write(self, group: Group) -> int | None:
        """Hand them to the commit's group; returns the run's number."""
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
            "depths": dict(opening.depths) if self._told else {},
            "sub_model": opening.sub_model,
            "strategy": opening.query.strategy,
            "folding": opening.folding,
            "schema": opening.query.schema if self._told else None,
            "context": context_record(opening, self.content),
        }
        self.body = packer.pack(settings)

    def write(self, group: Group) -> int | None:
        """Insert it at once: the rows that follow want its number."""
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
        cursor = group.connection.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608 - names from above
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

    def write(self, group: Group) -> int | None:
        """Insert it."""
        event = self.event
        group.events.append((self.run, self.position, type(event).__name__, self.body))
        if isinstance(event, ModelReplied):
            group.cost(self.run, event.usage)
        elif isinstance(event, NodeAdded) and not event.shared:
            group.node(self.run)
        elif isinstance(event, RunEnded):
            self._end(group, event)
        return self.run

    def _end(self, group: Group, event: RunEnded) -> None:
        text = legible(event.text) if self.content != "none" else ""
        error = legible(event.error) if self.content != "none" else event.error.partition(":")[0]
        group.end(
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

    def write(self, group: Group) -> int | None:
        """Insert it; one that is there already stays."""
        error = (
            ""
            if self.completion is not None
            else legible(f"{self.failure.get('class')}: {self.failure.get('message')}")
        )
        group.completions.append(
            (self.run, bytes.fromhex(self.key), self.occurrence, *self.place, self.free, error, self.body)
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

    def write(self, group: Group) -> int | None:
        """Insert it."""
        group.tools.append((self.run, bytes.fromhex(self.call.key), self.call.occurrence, self.body))
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

    def write(self, group: Group) -> int | None:
        """Complete the run's row."""
        if self.answer is None:
            end = "UPDATE runs SET status='interrupted', ended=? WHERE number=?"
            group.end(end, (self.ended, self.run))
        else:
            end = "UPDATE runs SET ended=?, cut=?, data=?, recalled=? WHERE number=?"
            group.end(end, (self.ended, self.answer.limit, self.data, self.recalled, self.run))
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


def legible(text: str) -> str:
    """`text` as a database column takes it: lone surrogates are replaced there; the events keep them."""
    return text.encode("utf-8", "replace").decode()


__all__ = ["CompletionRow", "EndRow", "EventRow", "Row", "RunRow", "ToolRow", "context_record", "legible"]
