"""Lazy values at the border to C code, which reads its arguments past every guard: what is made real, and how deep."""

from __future__ import annotations

import builtins
import functools
import itertools
import types
from collections import Counter, deque
from collections.abc import Callable
from enum import Enum

from rlm_async.sandbox.handles import Handle, deep_touch, touch
from rlm_async.sandbox.policy.bounded import REPLACED
from rlm_async.sandbox.policy.streams import Stream
from rlm_async.sandbox.unknown import UNKNOWN, Unknown, holds_unknown

Function = Callable[..., object]


class Depth(Enum):
    """How much of a function's arguments must be real before it runs."""

    NONE = "none"
    """It only keeps them."""
    SHALLOW = "shallow"
    """It looks at the arguments, not at what they hold."""
    DEEP = "deep"
    """It looks into containers."""
    DRAIN = "drain"
    """It also looks at what iterators yield."""


_CONTAINERS = (list, tuple, dict, set, frozenset, str, bytes, bytearray, deque)
_ITERATORS: tuple[type, ...] = (
    Stream, map, filter, zip, enumerate, reversed, itertools.chain, itertools.islice, type(iter([])), type(iter(())),
    type({}.keys()), type({}.values()), type({}.items()), types.GeneratorType, type(iter({})), type(iter({}.values())),
)  # fmt: skip

_KNOWN: dict[object, Depth] = {
    list.append: Depth.NONE,
    list.insert: Depth.NONE,
    deque.append: Depth.NONE,
    deque.appendleft: Depth.NONE,
    dict.get: Depth.SHALLOW,
    dict.pop: Depth.SHALLOW,
    dict.setdefault: Depth.SHALLOW,
    dict.update: Depth.SHALLOW,
    dict.items: Depth.SHALLOW,
    dict.keys: Depth.SHALLOW,
    dict.values: Depth.SHALLOW,
    dict.copy: Depth.SHALLOW,
    list.extend: Depth.SHALLOW,
    list.pop: Depth.SHALLOW,
    list.copy: Depth.SHALLOW,
    list.reverse: Depth.SHALLOW,
    list.clear: Depth.SHALLOW,
    deque.extend: Depth.SHALLOW,
    deque.popleft: Depth.SHALLOW,
    deque.pop: Depth.SHALLOW,
    builtins.len: Depth.SHALLOW,
    builtins.map: Depth.SHALLOW,
    builtins.filter: Depth.SHALLOW,
    builtins.zip: Depth.SHALLOW,
    builtins.enumerate: Depth.SHALLOW,
    builtins.iter: Depth.SHALLOW,
    builtins.next: Depth.SHALLOW,
    builtins.reversed: Depth.SHALLOW,
    builtins.list: Depth.SHALLOW,
    builtins.tuple: Depth.SHALLOW,
    builtins.range: Depth.SHALLOW,
    builtins.dict: Depth.SHALLOW,
    itertools.chain: Depth.SHALLOW,
    builtins.set: Depth.DRAIN,
    builtins.frozenset: Depth.DRAIN,
    set.update: Depth.DRAIN,
    Counter: Depth.DRAIN,
    Counter.update: Depth.DRAIN,
    str.join: Depth.DRAIN,
    bytes.join: Depth.DRAIN,
}

DEPTHS: dict[object, Depth] = _KNOWN | {
    function: _KNOWN[getattr(kind, name)]
    for (kind, name), function in REPLACED.items()
    if getattr(kind, name) in _KNOWN
}
"""What is known of single functions; everything else looks deep."""


def arguments_for(depth: Depth, values: tuple[object, ...]) -> tuple[object, ...]:
    """A call's arguments, real as far as the function will look."""
    if depth is Depth.NONE:
        return values
    if depth is Depth.SHALLOW:
        return tuple(map(touch, values))
    if depth is Depth.DRAIN:
        values = tuple(_drained(value) for value in values)
    return tuple(deep_touch(value) for value in values)


def _drained(value: object) -> object:
    value = touch(value)
    return [touch(item) for item in value] if type(value) in _ITERATORS else value  # type: ignore[attr-defined]


def touched_call(function: Function, depth: Depth, /, *arguments: object, **named: object) -> object:
    """Call C code with real values; without a lazy value anywhere, as it stands."""
    if not Handle.live or depth is Depth.NONE:
        return function(*arguments, **named)
    values = arguments_for(depth, arguments)
    if depth is not Depth.SHALLOW and named:
        named = dict(zip(named, arguments_for(depth, tuple(named.values())), strict=True))
    if Unknown.about and holds_unknown((*values, *named.values()), deep=depth is not Depth.SHALLOW):
        return UNKNOWN
    return function(*values, **named)


def depth_of(function: object) -> Depth:
    """What is known of a function of Python's own."""
    return DEPTHS.get(function, Depth.DEEP)


def touching(function: Function, depth: Depth) -> Function:
    """The function as it is called while lazy values are about."""
    return function if depth is Depth.NONE else functools.partial(touched_call, function, depth)


def touched_method(function: Function, owner: object, *arguments: object) -> object:
    """The same for an unbound method that is called at once; the owner of a method is real already."""
    depth = DEPTHS.get(function, Depth.DEEP)
    values = arguments_for(depth, arguments)
    if Unknown.about and depth is not Depth.NONE and holds_unknown(values, deep=depth is not Depth.SHALLOW):
        return UNKNOWN
    return function(owner, *values)
