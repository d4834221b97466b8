"""The type of model-written enumerations: the only metaclass besides `type` in the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from rlm_async.sandbox.policy.names import SPELLS_GUARD

TABLE = f"{SPELLS_GUARD}members"
"""Where an enumeration keeps its members by name."""


class Members(type):
    """The type of an enumeration: iterates over its members, looks them up by name and by value."""

    def __iter__(cls) -> Iterator[object]:
        return iter(list(cls.__dict__[TABLE].values()))

    def __len__(cls) -> int:
        return len(cls.__dict__[TABLE])

    def __getitem__(cls, name: object) -> object:
        return cls.__dict__[TABLE][name]

    def __contains__(cls, item: object) -> bool:
        return any(member is item or member.value == item for member in cls.__dict__[TABLE].values())

    def __call__(cls, *value: object) -> object:
        """The member with this value."""
        if len(value) != 1:
            raise TypeError(f"{cls.__name__}(value) takes one value")
        for member in cls.__dict__[TABLE].values():
            if member is value[0] or member.value == value[0]:
                return member
        raise ValueError(f"{value[0]!r} is not a valid {cls.__name__}")

    def __setattr__(cls, name: str, value: object) -> NoReturn:
        raise AttributeError(f"cannot reassign members of {cls.__name__}")

    def __repr__(cls) -> str:
        return f"<enum {cls.__name__!r}>"
