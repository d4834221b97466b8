"""A run as training data sees it: its nodes, each with what its model was shown and what it wrote."""

from __future__ import annotations

from dataclasses import dataclass

from rlm_async.core.messages import Message
from rlm_async.core.usage import Usage
from rlm_async.journal import RunRecord

Path = tuple[int, ...]
"""A node's place: which child it is, of which child, and so on; the root's is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One request and its reply."""

    messages: tuple[Message, ...]
    """What the model was shown, as it was shown."""
    reply: str
    model: str
    """That answered, as the provider named it."""
    key: str
    """Of the request, as the journal knows it (`models/cache.py`)."""
    known: bool
    """Whether the journal knows the very same request. False: the prompt came out other in the replay."""
    cut: bool = False
    """Whether the reply ended because its room did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a node or a tree took. `usd` None is unknown; `seconds` is wall time, None where it did not end."""

    usage: Usage
    seconds: float | None

    @property
    def usd(self) -> float | None:
        """Dollars."""
        return self.usage.usd


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStory:
    """A node and its turns. `cost` is its own, without its children's."""

    path: Path
    depth: int
    prompt: str
    """What it was asked."""
    context: str
    """The digest of its context."""
    strategy: str
    status: str
    """`complete`, `partial`, `failed` or `cancelled`."""
    limit: str | None
    cost: Cost
    turns: tuple[Turn, ...]

    @property
    def name(self) -> str:
        """Its place as text: `root`, `0`, `0.2`."""
        return ".".join(map(str, self.path)) or "root"

    @property
    def strayed(self) -> bool:
        """Whether some prompt came out other than it was."""
        return not all(turn.known for turn in self.turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A run with all its nodes, the root first. `score` is the task's, from 0 to 1; None is unknown."""

    record: RunRecord
    marks: tuple[str, ...]
    """What it shares with other runs, if they have equal ones: its input, long documents in it (`splitting.py`)."""
    nodes: tuple[NodeStory, ...]
    same: bool
    """Whether the replay came to the very answer of the run."""
    score: float | None = None

    @property
    def cost(self) -> Cost:
        """Of the whole run."""
        return Cost(usage=self.record.usage, seconds=self.record.seconds)
