"""What a journal tells of a run, beside its events: plain values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rlm_async.core.context import Shape
from rlm_async.core.data import Data
from rlm_async.core.messages import Completion
from rlm_async.core.query import Query
from rlm_async.core.usage import Limits, ModelInfo, Usage

Content = Literal["full", "no-context", "none"]
"""What is written: all; all but the inputs; or only the shape of a run, without a word of it."""

RunStatus = Literal["running", "interrupted", "complete", "partial", "failed"]
"""`interrupted`: its process has gone, or the caller gave it up, before there was an answer."""

CONTENTS: tuple[Content, ...] = ("full", "no-context", "none")
STATUSES: tuple[RunStatus, ...] = ("running", "interrupted", "complete", "partial", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is known of a run before it begins. `run` is its name, `started` seconds since the epoch (UTC)."""

    run: str
    started: float
    query: Query
    limits: Limits
    sub_model: str
    version: str = ""
    """Of rlm-async."""
    infos: Mapping[str, ModelInfo] = field(default_factory=dict)
    """What was known of each model, by the name that it is asked by: prompts tell it, so a replay needs it."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """The caller's functions by name, each with its line in the prompt."""
    depths: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Of the functions that not all nodes have: by name, the depths of those that do."""
    folding: str = "elide"
    """What nodes do with a history that fills the window, by its name."""
    batch: str = ""
    """The batch that the run belongs to; runs of one batch share the completions of equal requests."""
    item: str = ""
    """Which item of the batch it answers."""
    origin: str = ""
    """The run that this one repeats in part (`replay --from`)."""
    marks: tuple[str, ...] = ()
    """What else tells runs apart that ask the same: the class of a model that was handed in as an object."""
    resume: bool = True
    """Take up an unfinished run of the same question, if there is one."""

    @property
    def identity(self) -> bytes:
        """Equal for runs that ask the same: the root query, and what `marks` adds. BLAKE2b-128."""
        parts = [self.query.key, self.sub_model, *self.marks, self.batch, self.item]
        return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRecord:
    """The input of a run. `kept` where its text is in the journal too."""

    digest: str
    shape: Shape
    documents: int
    characters: int
    description: str
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run, as far as it is known. `started` and `ended` are seconds since the epoch (UTC)."""

    run: str
    status: RunStatus
    started: float
    ended: float | None
    question: str
    context: ContextRecord
    model: str
    sub_model: str
    strategy: str
    schema: str | None
    limits: Limits
    infos: Mapping[str, ModelInfo]
    tools: Mapping[str, str]
    depths: Mapping[str, Sequence[int]]
    folding: str
    version: str
    """Of rlm-async, that wrote it."""
    content: Content
    usage: Usage
    """Of the whole run, also of what was taken over from the run that it resumed."""
    recalled: Usage
    """The part of `usage` that an earlier run had paid: this one has paid the rest."""
    nodes: int
    text: str
    data: Data
    limit: str | None
    error: str
    origin: str
    """The run that this one resumed or repeats in part; empty where it began anew."""
    batch: str
    item: str

    @property
    def seconds(self) -> float | None:
        """Wall time; None while it runs or where it was broken off."""
        return None if self.ended is None else self.ended - self.started

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to resume."""
        return self.status == "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs are wanted; everything that is set has to hold. Newest first, at most `most`."""

    status: RunStatus | None = None
    text: str = ""
    """Found in the question or the answer, whatever the case of its letters."""
    since: float | None = None
    """Seconds since the epoch (UTC)."""
    before: float | None = None
    batch: str | None = None
    item: str | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One request of a run and how it ended. Equal requests that were really asked twice differ in `occurrence`."""

    key: str
    """As `request_key` makes it, in hexadecimal."""
    occurrence: int
    node: int
    turn: int
    """Which of the node's requests it was, from 0."""
    completion: Completion | None
    """None where it failed."""
    error: str = ""
    """The error's class and text where it failed; `cancelled` where it was given up."""
    failure: Mapping[str, Data] = field(default_factory=dict)
    """The error by its parts."""
    free: bool = False
    """It was answered by another run of the batch: nothing was paid here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What one of the caller's functions returned. Equal calls differ in `occurrence`."""

    key: str
    """Of the function's name and arguments, in hexadecimal."""
    occurrence: int
    value: Data


@dataclass(frozen=True, slots=True)
class Known:
    """What an unfinished run had been answered, by models and by the caller's functions."""

    completions: tuple[Kept, ...] = ()
    tools: tuple[ToolCall, ...] = ()
