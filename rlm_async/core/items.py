"""A line of a batch in, and a line of a batch out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self

from rlm_async.core.answer import Answer
from rlm_async.core.context import Context, Document
from rlm_async.core.data import Data, canonical
from rlm_async.core.query import Status
from rlm_async.errors import RLMError

BATCH = "batch"
"""In a result's `cut`: the batch's own limit ended the item early, so it is not settled yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question of a batch. Without a context or paths of its own it is about what the batch shares.

    `fault` says why it cannot be asked at all; `trace` is the W3C traceparent that its run belongs to.
    """

    id: str
    question: str = ""
    context: Context | None = None
    paths: tuple[str, ...] = ()
    fault: str = ""
    trace: str = field(default="", compare=False)
    grant: tuple[tuple[str, float], ...] = field(default=(), compare=False)
    """Ceilings lower than the job's own, by their names in `Limits`: what the batch has left."""

    @property
    def key(self) -> str:
        """BLAKE2b-64 over what is asked about what, in hexadecimal: a changed question is another item."""
        digest = None if self.context is None else self.context.digest
        parts: Data = [self.question, digest, list(self.paths)]
        return hashlib.blake2b(canonical(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def record(self) -> dict[str, Data]:
        """As plain data, for another process."""
        told: dict[str, Data] = {"id": self.id, "question": self.question, "paths": list(self.paths)}
        if self.context is not None:
            told["shape"] = self.context.shape
            told["documents"] = [[document.name, document.text] for document in self.context]
        return {**told, "fault": self.fault, "trace": self.trace, "grant": [list(pair) for pair in self.grant]}

    @classmethod
    def of_record(cls, told: Mapping[str, Data]) -> Self:
        """What `record` was made of."""
        documents = told.get("documents")
        context = None
        if isinstance(documents, list):
            pairs = tuple(Document(str(name), str(text)) for name, text in documents)
            context = Context(pairs, told["shape"])  # type: ignore[arg-type]  # written by `record`
        paths, grant = told.get("paths"), told.get("grant")
        return cls(
            id=str(told["id"]),
            question=str(told["question"]),
            context=context,
            paths=tuple(str(path) for path in paths) if isinstance(paths, list) else (),
            fault=str(told.get("fault") or ""),
            trace=str(told.get("trace") or ""),
            grant=tuple((str(name), float(most)) for name, most in grant) if isinstance(grant, list) else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """How an item ended: `record` as it is written to a file; `answer` and `error` where it was answered here."""

    id: str
    record: Mapping[str, Data]
    answer: Answer | None = field(default=None, repr=False, compare=False)
    error: RLMError | None = field(default=None, compare=False)

    @property
    def status(self) -> Status:
        """`complete`, `partial` or `failed`."""
        told = self.record.get("status")
        if told == "complete":
            return "complete"
        return "partial" if told == "partial" else "failed"

    @property
    def text(self) -> str:
        """The answer; empty where there is none."""
        return str(self.record.get("text") or "")

    @property
    def data(self) -> Data:
        """The answer as data, where a schema was given."""
        return self.record.get("data")

    @property
    def reason(self) -> str:
        """Why it failed, in one line; empty where it did not."""
        return str(self.record.get("error") or "")

    @property
    def settled(self) -> bool:
        """False where the batch's own limit cut it short: with a higher limit it is asked again."""
        return self.record.get("cut") != BATCH


def answered(item: Item, answer: Answer, *, cut: bool = False) -> ItemResult:
    """The result of an item that has an answer; `cut` where the batch's own limit ended it early."""
    usage: Data = {
        "calls": answer.usage.calls,
        "tokens": answer.usage.tokens,
        "usd": answer.usage.usd,
        "seconds": round(answer.usage.seconds, 3),
    }
    record: dict[str, Data] = {
        "id": item.id,
        "text": answer.text,
        "data": answer.data,
        "status": answer.status,
        "usage": usage,
        "run": answer.run,
    }
    if answer.citations:
        record["citations"] = [asdict(citation) for citation in answer.citations]
    if answer.limit:
        record["limit"] = answer.limit
    if cut:
        record["cut"] = BATCH
    if answer.error is not None:
        record |= _blame(answer.error)
    return ItemResult(id=item.id, record={**record, "key": item.key}, answer=answer, error=answer.error)


def failed(item: Item, error: RLMError, *, cut: bool = False) -> ItemResult:
    """The result of an item that has none; what had been spent is told where a run had begun."""
    if isinstance(error.answer, Answer):
        return answered(item, error.answer, cut=cut)
    usage: Data = {"calls": 0, "tokens": 0, "usd": 0.0, "seconds": 0.0}
    record: dict[str, Data] = {"id": item.id, "text": "", "data": None, "status": "failed", "usage": usage, "run": ""}
    if cut:
        record["cut"] = BATCH
    return ItemResult(id=item.id, record={**record, **_blame(error), "key": item.key}, error=error)


def _blame(error: RLMError) -> dict[str, Data]:
    return {"error": str(error) or type(error).__name__, "kind": type(error).__name__}
