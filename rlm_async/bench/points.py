"""What is run: a point is one setting of a sweep on one window, a row is what one question there came to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from rlm_async.bench.windows import digest

Arm = Literal["direct", "depth 0", "depth 1", "depth 2", "depth 3", "map-reduce", "auto"]
ARMS: tuple[Arm, ...] = ("direct", "depth 0", "depth 1", "depth 2", "depth 3", "map-reduce", "auto")
Source = Literal["simulated", "local", "real"]
Clock = Literal["virtual", "real"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One setting of a sweep, on one window. All of it names its rows."""

    task: str
    size: int
    seed: int
    arm: Arm
    model: str
    sub_model: str
    concurrency: int = 64
    chunk: int = 40
    budget: float | None = None
    """The part of what the same point used without a limit; None is no limit."""
    policy: str = "map-reduce"
    syntax_errors: float = 0.0
    shared: bool = True
    clock: Clock = "real"
    data: str = ""

    def key(self, question: int) -> str:
        """The name of one question's row in this point."""
        return f"{digest(json.dumps(asdict(self), sort_keys=True))}-{question}"

    @property
    def depth(self) -> int:
        """Levels of sub-calls that the arm allows."""
        if self.arm.startswith("depth"):
            return int(self.arm.rpartition(" ")[2])
        return {"direct": 0, "map-reduce": 1}.get(self.arm, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one question came to. Times in seconds; `usd` None is unknown."""

    key: str
    point: Point
    source: Source
    family: str
    tokens: int
    """Of the window, as measured."""
    score: float
    status: str
    limit: str | None = None
    error: str = ""
    wall: float = 0.0
    critical: float = 0.0
    """The part of the wall time in which the longest chain of dependent model calls was being answered."""
    work: float = 0.0
    """All model calls, one after the other."""
    longest: float = 0.0
    """The longest single call."""
    serial: float = 0.0
    """Calls of the root itself."""
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float | None = None
    peak: int = 0
    """Model calls in flight at once."""
    coverage: float = 0.0
    """The part of the window that stood in some prompt."""
    shared_nodes: int = 0
    """Sub-queries answered by an equal one: without an own call."""
    cached: int = 0
    failures: int = 0
    """Sub-queries that failed."""
    by_depth: Mapping[str, tuple[int, int, float | None]] = field(default_factory=dict)
    """Depth: calls, tokens, dollars."""
    by_model: Mapping[str, tuple[int, int, float | None]] = field(default_factory=dict)
    said: str = ""
    """The beginning of the answer."""
    run: str = ""
    """The run's name, by which a journal knows it; empty in rows of earlier versions."""

    @classmethod
    def read(cls, line: str) -> Row:
        """A row from its line; raises ValueError or TypeError for one that is none."""
        made = json.loads(line)
        made["point"] = Point(**made["point"])
        for name in ("by_depth", "by_model"):
            made[name] = {key: tuple(value) for key, value in made[name].items()}
        return cls(**made)

    def written(self) -> str:
        """The row as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)
