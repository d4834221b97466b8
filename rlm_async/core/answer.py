"""How a query ends: the value a strategy returns, and the answer a caller is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rlm_async.core.citations import Citation
from rlm_async.core.data import Data, as_text
from rlm_async.core.events import Event
from rlm_async.core.graph import Graph
from rlm_async.core.query import Status
from rlm_async.core.usage import NOTHING, Usage
from rlm_async.errors import RLMError


@dataclass(frozen=True, slots=True)
class Result:
    """What a strategy makes of a query: plain data, and the limit's name where it is only partial."""

    value: Data
    limit: str | None = None

    @property
    def text(self) -> str:
        """The value as a person is shown it."""
        return as_text(self.value)

    @property
    def status(self) -> Status:
        """`partial` where a limit was hit."""
        return "partial" if self.limit else "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUsage:
    """The cost of a whole run: the sum over its graph, each shared node once. `usd` None is unknown."""

    total: Usage = NOTHING
    recalled: Usage = NOTHING
    """The part of `total` that an earlier run had paid, which this one resumed: this run has paid the rest."""
    speculative: Usage = NOTHING
    """The part of `total` that was spent ahead of code which then did not ask for it."""
    seconds: float = 0.0
    by_model: Mapping[str, Usage] = field(default_factory=dict)
    by_depth: Mapping[int, Usage] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """Model calls, failed ones and retries included."""
        return self.total.calls

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.total.tokens

    @property
    def usd(self) -> float | None:
        """US dollars, or None where a price is unknown."""
        return self.total.usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The end of a run. A failed one has `error` set and keeps what was found and spent."""

    text: str
    data: Data = None
    citations: tuple[Citation, ...] = ()
    """Where it was asked to cite: claims with quotes that stand in the context."""
    status: Status = "complete"
    limit: str | None = None
    """The limit that made it partial, by its name in `Limits`; a sandbox or deadline by its own."""
    error: RLMError | None = None
    usage: RunUsage = field(default_factory=RunUsage)
    run: str = ""
    graph: Graph = field(repr=False, default_factory=lambda: Graph(fanout=0))
    trace: tuple[Event, ...] = field(repr=False, default=())
