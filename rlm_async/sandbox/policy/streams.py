"""Iterators made of iterators: `map` over `filter` over ... is followed in C without a check of its depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator

DEEPEST = 200


class Stream:
    """An iterator of the standard library that knows how many others it reads through."""

    __slots__ = ("depth", "inner")

    def __init__(self, inner: Iterator[object], depth: int) -> None:
        self.inner = inner
        self.depth = depth

    def __iter__(self) -> Iterator[object]:
        return self.inner

    def __next__(self) -> object:
        return next(self.inner)


def tame(make: Callable[..., Iterator[object]], *arguments: object, **named: object) -> object:
    """`make(*arguments)`; one that reads from others counts its depth, and ends as Python's own recursion does."""
    depth = 0
    real: list[object] = []
    for argument in arguments:
        if type(argument) is Stream:
            depth = max(depth, argument.depth + 1)
            real.append(argument.inner)
        else:
            real.append(argument)
    if depth > DEEPEST:
        raise RecursionError("too many iterators inside one another: make a list in between")
    return Stream(make(*real, **named), depth)
