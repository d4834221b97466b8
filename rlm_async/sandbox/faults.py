"""The exceptions that code in a sandbox can meet: failed sub-queries, tools, waits; and the one it cannot catch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class QueryError(Exception):
    """A sub-query failed; the subclass says why, as in `rlm_async.errors`."""

    place: object = None
    """Where the call was made; read by the interpreter, out of reach for the cell."""


class BudgetExceeded(QueryError):
    """Nothing is left to pay for the query."""


class FanoutExceeded(QueryError):
    """The node has asked for more children than it may have."""


class CycleRefused(QueryError):
    """The query would wait for its own ancestor."""


class ModelUnavailable(QueryError):
    """The model could not be reached."""


class RateLimited(QueryError):
    """The provider asked to wait for longer than the run can."""


class ContextOverflow(QueryError):
    """The prompt does not fit the model's window: send less text."""


class ModelRejected(QueryError):
    """The provider refused the request for good."""


class Unanswered(QueryError):
    """The child used up its turns without an answer."""


class ToolError(QueryError):
    """A tool of the host failed."""


class Cancelled(QueryError):
    """The call or task was cancelled before it was done."""


class Deadlock(RuntimeError):
    """Every task waits for another one."""


class CellStopped(BaseException):
    """The host stops the cell. Model-written code cannot catch it: it catches `Exception` at most."""


EXCEPTIONS: Mapping[str, type[Exception]] = MappingProxyType({
    kind.__name__: kind
    for kind in (
        QueryError, BudgetExceeded, FanoutExceeded, CycleRefused, ModelUnavailable, RateLimited,
        ContextOverflow, ModelRejected, Unanswered, ToolError,
    )
})  # fmt: skip
"""What code may name in an `except` clause."""


def fault(name: str, message: str, *, tool: bool = False) -> QueryError:
    """The exception for an error name of the host; an unknown name is kept in the text."""
    kind = EXCEPTIONS.get(name)
    if kind is not None and issubclass(kind, QueryError):
        return kind(message)
    return (ToolError if tool else QueryError)(f"{name}: {message}" if message else name)
