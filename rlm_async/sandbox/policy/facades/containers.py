"""Modules for data: collections, itertools, functools, heapq, bisect, copy, enum, dataclasses, contextlib, typing."""

from __future__ import annotations

import bisect
import collections
import collections.abc
import functools
import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator

from rlm_async.sandbox.policy.classes import Classes
from rlm_async.sandbox.policy.copies import Copies
from rlm_async.sandbox.policy.enumerations import EnumRoot, IntEnumRoot, StrEnumRoot
from rlm_async.sandbox.policy.facades.tables import Tables, picked
from rlm_async.sandbox.policy.managers import Suppressed, Unchanged, manager_maker
from rlm_async.sandbox.policy.realm import Checked, Realm
from rlm_async.sandbox.policy.records import Field, FrozenInstanceError, Records
from rlm_async.sandbox.policy.refusals import PolicyError
from rlm_async.sandbox.policy.streams import tame
from rlm_async.sandbox.policy.surfaces import Function, Hint

_ABSTRACT = """Callable Collection Container Generator Hashable Iterable Iterator Mapping MutableMapping MutableSequence
    MutableSet Reversible Sequence Set Sized"""


def modules(realm: Realm, checked: Checked, classes: Classes) -> Tables:
    """The tables of these modules."""
    realm.errors.add(FrozenInstanceError)
    realm.host[Field] = frozenset({"name", "default"})
    realm.substitutes[collections.defaultdict] = _defaultdict(checked)
    records, copies = Records(realm, checked), Copies(realm)
    abstract = {name: Hint(name, (getattr(collections.abc, name),)) for name in _ABSTRACT.split()}
    return {
        "collections": picked(collections, "Counter OrderedDict defaultdict deque ChainMap")
        | {"namedtuple": _namedtuple(classes)},
        "collections.abc": abstract,
        "itertools": _itertools(realm, checked),
        "functools": _functools(realm, checked),
        "heapq": picked(heapq, "heappush heappop heapify heappushpop heapreplace")
        | {name: _keyed(checked, getattr(heapq, name)) for name in ("nlargest", "nsmallest", "merge")},
        "bisect": {
            name: _keyed(checked, getattr(bisect, name))
            for name in ("bisect", "bisect_left", "bisect_right", "insort", "insort_left", "insort_right")
        },
        "copy": {"copy": copies.copy, "deepcopy": copies.deepcopy},
        "enum": {"Enum": EnumRoot, "IntEnum": IntEnumRoot, "StrEnum": StrEnumRoot, "auto": _auto, "unique": _unchanged},
        "dataclasses": {
            name: getattr(records, name)
            for name in ("dataclass", "field", "asdict", "astuple", "replace", "fields", "is_dataclass")
        } | {"FrozenInstanceError": FrozenInstanceError},
        "contextlib": {
            "contextmanager": manager_maker(realm, checked), "suppress": lambda *kinds: Suppressed(kinds),
            "nullcontext": lambda value=None: Unchanged(value),
        },
        "abc": {"ABC": Hint("ABC"), "ABCMeta": Hint("ABCMeta"), "abstractmethod": _unchanged},
    }  # fmt: skip


def _unchanged(function: object) -> object:
    return function


def _auto() -> Hint:
    return Hint("auto")


def _namedtuple(classes: Classes) -> Function:
    def namedtuple(typename: str, field_names: object, *, rename: bool = False, defaults: object = None) -> type:
        if type(typename) is not str:
            raise TypeError("namedtuple() needs a name")
        names = field_names.replace(",", " ").split() if isinstance(field_names, str) else list(field_names)  # type: ignore[call-overload]
        plain = [str(name) for name in names]
        return classes.adopt_tuple(collections.namedtuple(typename, plain, rename=rename, defaults=defaults))  # type: ignore[arg-type]  # noqa: PYI024

    return namedtuple


def _defaultdict(checked: Checked) -> Function:
    def make(factory: object = None, *initial: object, **named: object) -> collections.defaultdict[object, object]:
        made = None if factory is None else checked(factory)
        return collections.defaultdict(made, *initial, **named)  # type: ignore[return-value]

    return make


def _keyed(checked: Checked, plain: Function) -> Function:
    """A function that takes `key=`."""

    def call(*arguments: object, key: object = None, **named: object) -> object:
        if key is not None:
            named["key"] = checked(key)
        return plain(*arguments, **named)

    return call


def _itertools(realm: Realm, checked: Checked) -> dict[str, object]:
    def calling(plain: Callable[..., Iterator[object]]) -> Function:
        def call(function: object, *streams: object) -> object:
            return tame(plain, None if function is None else checked(function), *streams)

        return call

    def plainly(plain: Callable[..., Iterator[object]]) -> Function:
        return lambda *streams, **named: tame(plain, *streams, **named)

    def groupby(stream: object, key: object = None) -> object:
        return tame(itertools.groupby, stream, None if key is None else checked(key))

    def accumulate(stream: object, func: object = None, *, initial: object = None) -> object:
        return tame(itertools.accumulate, stream, None if func is None else checked(func), initial=initial)

    plain = """combinations combinations_with_replacement permutations product islice zip_longest count cycle repeat
        pairwise batched compress"""
    table: dict[str, object] = {
        name: plainly(getattr(itertools, name)) for name in plain.split() if hasattr(itertools, name)
    }
    table |= {name: calling(getattr(itertools, name)) for name in ("starmap", "takewhile", "dropwhile", "filterfalse")}
    realm.substitutes[itertools.chain] = plainly(itertools.chain)
    realm.substitutes[itertools.chain.from_iterable] = plainly(itertools.chain.from_iterable)
    return table | {"groupby": groupby, "accumulate": accumulate, "tee": itertools.tee, "chain": itertools.chain}


def _functools(realm: Realm, checked: Checked) -> dict[str, object]:  # noqa: C901  # a table of small functions
    def partial(function: object, /, *arguments: object, **named: object) -> object:
        return functools.partial(checked(function), *arguments, **named)

    def reduce(function: object, items: Iterable[object], *initial: object) -> object:
        return functools.reduce(checked(function), items, *initial)

    def lru_cache(maxsize: object = 128, typed: object = None) -> object:
        if maxsize is None or isinstance(maxsize, int):
            size = maxsize
            return realm.admit(lambda function: functools.lru_cache(size, bool(typed))(checked(function)))
        return functools.lru_cache(checked(maxsize))

    def cache(function: object) -> object:
        return functools.cache(checked(function))

    def cached_property(function: object) -> object:
        return functools.cached_property(checked(function))

    def cmp_to_key(function: object) -> object:
        return functools.cmp_to_key(checked(function))  # type: ignore[arg-type]

    def total_ordering(kind: object) -> object:
        if not isinstance(kind, type) or kind not in realm.own:
            raise PolicyError("@total_ordering works on classes of your own")
        return functools.total_ordering(kind)

    def wraps(function: object, *_rest: object) -> Callable[[object], object]:
        def renamed(wrapper: object) -> object:
            if realm.is_own_function(wrapper) and realm.is_own_function(function):
                wrapper.__name__ = function.__name__  # type: ignore[attr-defined]
                wrapper.__doc__ = function.__doc__
            return wrapper

        return realm.admit(renamed)

    return {
        "partial": partial, "reduce": reduce, "lru_cache": lru_cache, "cache": cache, "cmp_to_key": cmp_to_key,
        "cached_property": cached_property, "total_ordering": total_ordering, "wraps": wraps,
    }  # fmt: skip
