"""The answer that a copy running ahead does not have: every operation on it gives it again, no text hides it.

Runahead execution (Mutlu et al., 2003) calls it an invalid value. It lives only in copies of a worker, which
print nothing and call nothing; what it does wrong can cost a useless hint, and never changes a result.
"""

from __future__ import annotations

import dis
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import ClassVar, NoReturn

from rlm_async.sandbox.handles import touch

MARK = "\U0010fffd"
"""What stands for an unknown in a text: one character, so that no slice can cut it in two. It is for private use; where
data holds it, that data counts as unknown."""
_MOST = 100_000
"""Values looked at; a larger container counts as unknown as a whole."""
_CONTAINERS = (list, tuple, dict, set, frozenset, deque)
_HANDLES = touch.__code__.co_filename
_UNPACK, _UNPACK_MORE = dis.opmap["UNPACK_SEQUENCE"], dis.opmap["UNPACK_EX"]

Decide = Callable[[FrameType], bool]


def _asking(frame: FrameType) -> FrameType:
    """The frame whose instruction wants to know, where a handle has only passed the question on."""
    while frame.f_code.co_filename == _HANDLES and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _no(frame: FrameType) -> bool:
    del frame
    return False


class Unknown:
    """Use `UNKNOWN`; there is one.

    Where Python insists on a truth value, `decide` picks the way that keeps the code's loop going, by the
    frame that asks. Where it insists on a number or a length, that is a TypeError of the copy's code.
    """

    __slots__ = ("decide",)
    about: ClassVar[bool] = False
    """Whether this process is a copy that runs ahead: everywhere else there is no unknown to look for."""

    def __init__(self) -> None:
        self.decide: Decide = _no

    def __bool__(self) -> bool:
        return self.decide(_asking(sys._getframe(1)))  # noqa: SLF001  # who asks is what decides

    def __contains__(self, item: object) -> bool:
        return self.decide(_asking(sys._getframe(1)))  # noqa: SLF001  # as above

    def __iter__(self) -> Iterator[object]:
        return iter([self] * _wanted(_asking(sys._getframe(1))))  # noqa: SLF001  # as above

    def __call__(self, *arguments: object, **named: object) -> Unknown:
        """Its methods give it again."""
        del arguments, named
        return self

    def __getattr__(self, name: str) -> Callable[..., Unknown]:
        return self.__call__

    def __getitem__(self, index: object) -> Unknown:
        return self

    def __setitem__(self, index: object, value: object) -> None:
        """Lost, as all of it is."""

    def __delitem__(self, index: object) -> None:
        """As above."""

    def __str__(self) -> str:
        return MARK

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return MARK

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> Unknown:  # type: ignore[override]  # nobody knows whether it is equal
        return self

    def __ne__(self, other: object) -> Unknown:  # type: ignore[override]  # as above
        return self

    def __index__(self) -> NoReturn:
        raise TypeError("an unknown is no number yet")

    __int__ = __float__ = __len__ = __index__


def _again(unknown: Unknown, *others: object) -> Unknown:
    del others
    return unknown


for _name in ("lt", "le", "gt", "ge", "neg", "pos", "invert", "abs"):
    setattr(Unknown, f"__{_name}__", _again)
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift"):
    setattr(Unknown, f"__{_name}__", _again)
    setattr(Unknown, f"__r{_name}__", _again)

UNKNOWN = Unknown()


class _Everything(frozenset[str]):
    """A set of names that holds each of them."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


EVERYTHING: frozenset[str] = _Everything()
"""The attributes that code sees of an unknown."""


def _wanted(frame: FrameType) -> int:
    """How many items the instruction that iterates asks for: `a, b = unknown` gets two, a loop none."""
    code, at = frame.f_code.co_code, frame.f_lasti
    if not 0 <= at < len(code) - 1 or code[at] not in (_UNPACK, _UNPACK_MORE):
        return 0
    behind = code[at - 1] if at > 1 and code[at - 2] == dis.EXTENDED_ARG else 0  # those after the starred one
    return code[at + 1] + behind


def is_unknown(value: object) -> bool:
    """Whether it is the unknown, or a text with one in it."""
    return type(value) is Unknown or (type(value) is str and MARK in value)


def holds_unknown(values: Iterable[object], *, deep: bool) -> bool:
    """Whether one of these is unknown; with `deep`, or holds one."""
    todo = list(values)
    return any(is_unknown(value) or looked > _MOST for looked, value in enumerate(_each(todo, deep=deep)))


def _each(todo: list[object], *, deep: bool) -> Iterator[object]:
    seen: set[int] = set()
    while todo:
        value = todo.pop()
        yield value
        if deep and isinstance(value, _CONTAINERS) and id(value) not in seen:
            seen.add(id(value))
            todo.extend(value)
            if isinstance(value, dict):
                todo.extend(value.values())
