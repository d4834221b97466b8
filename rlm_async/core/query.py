"""What is asked, and what is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rlm_async.core.context import EMPTY, Context
from rlm_async.core.data import Data, canonical

Status = Literal["complete", "partial", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question about one context, for one model and strategy. Equal keys may share a node."""

    prompt: str
    context: Context = EMPTY
    model: str
    strategy: str = "auto"
    """A strategy's name: `auto`, `repl`, `guided`, `direct`, or a plugin's."""
    schema: str | None = None
    """A JSON Schema as canonical JSON text, for an answer that is data."""
    cite: bool = False
    """Whether the answer has to give quotes that stand in the context, letter by letter; `schema` asks for them."""
    profile: str = "plain"
    sample: int = 0
    history: tuple[tuple[str, str], ...] = ()
    """Questions and answers of the turns before, in a session."""
    grant: tuple[tuple[str, float], ...] = field(default=(), compare=False)
    """Ceilings of its own, as pairs of a `Limits` name and an amount."""

    @property
    def key(self) -> str:
        """BLAKE2b-128 over all that decides the answer, in hexadecimal."""
        parts: Data = [
            self.prompt,
            self.context.digest,
            self.model,
            self.strategy,
            self.schema,
            self.profile,
            self.sample,
            [list(pair) for pair in self.history],
            *(["cite"] if self.cite else []),
        ]
        return hashlib.blake2b(canonical(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubQuery:
    """A question that model-written code asks; the host turns it into a `Query`."""

    kind: Literal["llm", "rlm"]
    """`llm` one plain completion; `rlm` a child with a REPL of its own, where depth allows."""
    prompt: str
    context: Context | None = None
    model: str | None = None
    """None: the run's sub-model."""
    schema: str | None = None
    sample: int = 0
    cached: bool = True
    """False: never share a node with an equal query."""
    grant: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a sub-query comes back as: plain data, or an error by the name of its class and its text."""

    value: Data = None
    error: str | None = None
    message: str = ""
    status: Status = "complete"
