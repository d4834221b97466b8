"""The `typing` module: names that mean nothing here, since annotations are dropped."""

from __future__ import annotations

import collections
import collections.abc

from rlm_async.sandbox.policy.facades.tables import Tables
from rlm_async.sandbox.policy.surfaces import Hint

_INERT = """Any Annotated ClassVar Concatenate Final Generic Literal LiteralString Never NewType NoReturn NotRequired
    Optional ParamSpec Protocol Required Self SupportsFloat SupportsInt TypeAlias TypeGuard TypedDict TypeVar Union
    Unpack NamedTuple AnyStr Text Awaitable AsyncIterator AsyncGenerator Coroutine Type Pattern Match IO TextIO"""
_KINDS: dict[str, type] = {
    "List": list, "Dict": dict, "Set": set, "FrozenSet": frozenset, "Tuple": tuple,
    "DefaultDict": collections.defaultdict, "Deque": collections.deque, "OrderedDict": collections.OrderedDict,
    "Counter": collections.Counter,
}  # fmt: skip
_ABSTRACT = """Callable Collection Container Generator Hashable Iterable Iterator Mapping MutableMapping MutableSequence
    MutableSet Reversible Sequence Sized"""


def modules() -> Tables:
    """The tables of `typing` and `typing_extensions`."""
    table: dict[str, object] = {name: Hint(name) for name in _INERT.split()}
    table |= {name: Hint(name, (kind,)) for name, kind in _KINDS.items()}
    table |= {name: Hint(name, (getattr(collections.abc, name),)) for name in _ABSTRACT.split()}
    table |= {
        "TypeVar": _named, "ParamSpec": _named, "NewType": _new_type, "cast": _cast, "overload": _unchanged,
        "TYPE_CHECKING": False, "final": _unchanged, "override": _unchanged, "runtime_checkable": _unchanged,
    }  # fmt: skip
    return {"typing": table, "typing_extensions": table}


def _named(name: str, *_bounds: object, **_options: object) -> Hint:
    return Hint(str(name))


def _new_type(_name: str, kind: object) -> object:
    return kind


def _cast(_kind: object, value: object) -> object:
    return value


def _unchanged(value: object) -> object:
    return value
