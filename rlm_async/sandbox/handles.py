"""A value that is still on its way: the guards call `touch` wherever code needs the real thing.

Nothing in the runtime may hash, compare, format or print a handle: each of these forces it, and so waits.
Guards test `Handle.live` first: while it is 0 no container can hold a handle, and deep touching is skipped.
"""

from __future__ import annotations

import operator
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Protocol

_MOST = 1_000_000
"""Containers searched in one go; what lies beyond keeps its handles until something touches them directly."""


class Pending(Protocol):
    """What a handle stands for: a call whose reply may not have arrived."""

    def done(self) -> bool:
        """Whether there is nothing left to wait for."""
        ...

    def tickets(self) -> Sequence[int]:
        """Replies of the host that would bring it forward."""
        ...

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        ...

    def result(self) -> object:
        """Wait for the value, or raise the call's error; the same each time."""
        ...


class Handle:
    """The result of a call that was sent and may not be answered. `force()` waits for it.

    `live` counts the handles in existence, forced ones too: a forced handle may still sit in a list.
    The operators below are a second net: with a touch in every guard they are never reached.
    """

    __slots__ = ("__weakref__", "_pending")
    live: ClassVar[int] = 0

    def __init__(self, pending: Pending) -> None:
        self._pending = pending
        Handle.live += 1

    def __del__(self) -> None:
        Handle.live -= 1

    def force(self) -> object:
        """The value; waits for it, and raises the call's error if it failed."""
        return self._pending.result()

    @property
    def pending(self) -> Pending:
        """The call behind it, for the scheduler."""
        return self._pending

    def __str__(self) -> str:
        return str(self.force())

    def __repr__(self) -> str:
        return repr(self.force())

    def __format__(self, spec: str) -> str:
        return format(self.force(), spec)

    def __bool__(self) -> bool:
        return bool(self.force())

    def __len__(self) -> int:
        return len(self.force())  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[object]:
        return iter(self.force())  # type: ignore[call-overload, no-any-return]  # the value's own error is the right one

    def __contains__(self, item: object) -> bool:
        return operator.contains(self.force(), touch(item))  # type: ignore[arg-type]

    def __getitem__(self, index: object) -> object:
        return operator.getitem(self.force(), touch(index))  # type: ignore[call-overload]

    def __hash__(self) -> int:
        return hash(self.force())

    def __eq__(self, other: object) -> bool:
        return self.force() == touch(other)  # as it is: in a copy that runs ahead it is no bool

    def __ne__(self, other: object) -> bool:
        return self.force() != touch(other)


def _operator(apply: Callable[[object, object], object]) -> Callable[[Handle, object], object]:
    return lambda handle, other: apply(handle.force(), touch(other))


def _reflected(apply: Callable[[object, object], object]) -> Callable[[Handle, object], object]:
    return lambda handle, other: apply(touch(other), handle.force())


for _name in ("lt", "le", "gt", "ge"):
    setattr(Handle, f"__{_name}__", _operator(getattr(operator, _name)))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_", "xor"):
    _stem = _name.rstrip("_")
    setattr(Handle, f"__{_stem}__", _operator(getattr(operator, _name)))
    setattr(Handle, f"__r{_stem}__", _reflected(getattr(operator, _name)))
for _name, _convert in (("int", int), ("float", float), ("index", operator.index)):
    setattr(Handle, f"__{_name}__", lambda handle, convert=_convert: convert(handle.force()))


def touch(x: object) -> object:
    """The real value of `x`: waits where it is a handle, and is the identity for everything else."""
    return x.force() if type(x) is Handle else x


def deep_touch(x: object) -> object:
    """`touch`, and the same for everything inside plain containers, which are changed in place.

    A tuple or frozenset with a handle in it is replaced by a new one. Call it before a value goes to C
    code (`json.dumps`, `sorted`, `str.join`), which reads containers without any guard.
    """
    if type(x) is Handle:
        return x.force()
    if Handle.live == 0 or type(x) not in _REPLACE:
        return x
    return _inner(x, {})


Seen = dict[int, tuple[object, object]]
"""The containers met so far by `id`, each (kept alive) with what became of it: circles end."""


def _inner(x: object, seen: Seen) -> object:
    kind = type(x)
    if kind is Handle:
        return x.force()  # type: ignore[attr-defined]
    replace = _REPLACE.get(kind)
    if replace is None or len(seen) > _MOST:
        return x
    if id(x) not in seen:
        seen[id(x)] = (x, x)
        seen[id(x)] = (x, replace(x, seen))
    return seen[id(x)][1]


def _may_hold(x: object) -> bool:
    return type(x) is Handle or type(x) in _REPLACE


def _in_sequence(x: list[object], seen: Seen) -> object:
    for i in [i for i, item in enumerate(x) if _may_hold(item)]:
        x[i] = _inner(x[i], seen)
    return x


def _in_mapping(x: dict[object, object], seen: Seen) -> object:
    if any(type(key) is Handle or type(key) is tuple for key in x):
        items = [(_inner(key, seen), value) for key, value in x.items()]
        x.clear()
        x.update(items)
    for key in [key for key, value in x.items() if _may_hold(value)]:
        x[key] = _inner(x[key], seen)
    return x


def _in_tuple(x: tuple[object, ...], seen: Seen) -> object:
    items = [_inner(item, seen) for item in x]
    return x if all(new is old for new, old in zip(items, x, strict=True)) else _as(type(x), items)


def _as(kind: type, items: list[object]) -> object:
    return kind._make(items) if hasattr(kind, "_make") else kind(items)


def _in_set(x: set[object], seen: Seen) -> object:
    if any(type(item) is Handle or type(item) is tuple for item in x):
        items = [_inner(item, seen) for item in x]
        x.clear()
        x.update(items)
    return x


_REPLACE: dict[type, Callable[..., object]] = {
    list: _in_sequence,
    deque: _in_sequence,
    dict: _in_mapping,
    defaultdict: _in_mapping,
    OrderedDict: _in_mapping,
    Counter: _in_mapping,
    tuple: _in_tuple,
    set: _in_set,
    frozenset: _in_tuple,
}
