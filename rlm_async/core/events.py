"""Facts about a run, in the order in which they happened.

Spans, logs, the live tree, the viewer and the tables are all views of these. `at` is seconds since the
run began, by the run's own clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlm_async.core.graph import State
from rlm_async.core.query import Query, Status
from rlm_async.core.transcript import Output
from rlm_async.core.usage import Limits, Usage
from rlm_async.errors import Retried


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A root query begins; `run` is its name, `started` seconds since the epoch (UTC)."""

    at: float
    run: str
    started: float
    query: Query
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAdded:
    """A query found its place; `shared` where an equal one was there already."""

    at: float
    node: int
    parent: int | None
    depth: int
    query: Query
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMoved:
    """A node changed its state; `error` is one line where it failed."""

    at: float
    node: int
    state: State
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyChosen:
    """`auto` decided how a node is answered, and why."""

    at: float
    node: int
    strategy: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOpened:
    """A worker was handed to a node; `layers` are the walls that stand around it."""

    at: float
    node: int
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAsked:
    """A request went out to the rings."""

    at: float
    node: int
    call: int
    model: str
    prompt_characters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyGrew:
    """A reply on its way: `characters` so far, `piece` what came since the last one. For live views, not in a trace.

    Fewer characters than before: the attempt failed, and another one has begun.
    """

    at: float
    node: int
    call: int
    characters: int
    piece: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReplied:
    """A model call ended, well or not. `waited` and `seconds` as in `Completion`."""

    at: float
    node: int
    call: int
    model: str
    usage: Usage
    text: str = ""
    waited: float = 0.0
    seconds: float = 0.0
    attempts: int = 1
    cached: bool = False
    finish: str = "stop"
    """As in `Completion`: `stop`, or `length` where the reply was cut."""
    error: str = ""
    retries: tuple[Retried, ...] = ()
    """The attempts that failed and were made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStarted:
    """A piece of model-written code begins to run."""

    at: float
    node: int
    cell: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellEnded:
    """A piece of model-written code has run."""

    at: float
    node: int
    cell: int
    output: Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A node's own history was made shorter, so that it fits its share of the window.

    `turns` is how many of its older turns are shown folded now; `before` and `after` are what the next prompt
    measures, in tokens.
    """

    at: float
    node: int
    policy: str
    turns: int
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRefused:
    """A sub-query was refused before it became a node; `error` names the rule."""

    at: float
    node: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculated:
    """A request that was made ahead of a node's code cost something for nothing: no code asked for it."""

    at: float
    node: int
    """The node whose code was expected to ask."""
    model: str
    usage: Usage
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitHit:
    """A limit said no to a node; `resource` is a name of `Limits`, `scope` whose limit it was."""

    at: float
    node: int
    scope: str
    resource: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAnswered:
    """A node has its answer."""

    at: float
    node: int
    text: str
    status: Status
    usage: Usage
    """Of the node itself, without its children."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """The last event of a run."""

    at: float
    run: str
    status: Status
    text: str
    usage: Usage
    error: str = ""


Event = (
    RunStarted
    | NodeAdded
    | NodeMoved
    | StrategyChosen
    | SandboxOpened
    | ModelAsked
    | ReplyGrew
    | ModelReplied
    | CellStarted
    | CellEnded
    | Folded
    | QueryRefused
    | Speculated
    | LimitHit
    | NodeAnswered
    | RunEnded
)
