"""How things of ours look to code: modules as tables of names, host functions as names that can be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NoReturn

from rlm_async.sandbox.policy.refusals import PolicyError

Function = Callable[..., object]


class _Fixed:
    """Something that code may hold and not change."""

    __slots__ = ("name",)
    name: str

    def _set(self, field: str, value: object) -> None:
        object.__setattr__(self, field, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise PolicyError(f"{self.name} is read-only in this sandbox")

    def __delattr__(self, name: str) -> NoReturn:
        raise PolicyError(f"{self.name} is read-only in this sandbox")

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Module(_Fixed):
    """A module as code sees it: a fixed table of names."""

    __slots__ = ("calls", "members")
    members: Mapping[str, object]
    calls: Mapping[str, Function]
    """The members that may be called, as they are called."""

    def __init__(self, name: str, members: Mapping[str, object], calls: Mapping[str, Function]) -> None:
        self._set("name", name)
        self._set("members", MappingProxyType(dict(members)))
        self._set("calls", MappingProxyType(dict(calls)))

    def __repr__(self) -> str:
        return f"<module '{self.name}'>"


class HostFunction(_Fixed):
    """A function of the host as code sees it: it has a name, can be called, and nothing else."""

    __slots__ = ("run",)
    run: Function

    def __init__(self, name: str, run: Function) -> None:
        self._set("name", name)
        self._set("run", run)

    def __call__(self, *arguments: object, **named: object) -> object:
        """Run it."""
        return self.run(*arguments, **named)

    def __repr__(self) -> str:
        return f"<function {self.name}>"


class TypeLabel(_Fixed):
    """What `type(x)` gives where the real type would be a way out: something with a name."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        self._set("name", name)

    def __repr__(self) -> str:
        return f"<class '{self.name}'>"


class Hint(_Fixed):
    """A name of `typing`: may be subscripted, or-ed and called, and means nothing, except to isinstance."""

    __slots__ = ("kinds",)
    kinds: tuple[type, ...]
    """What isinstance takes it for; () refuses."""

    def __init__(self, name: str, kinds: tuple[type, ...] = ()) -> None:
        self._set("name", name)
        self._set("kinds", kinds)

    def __getitem__(self, item: object) -> Hint:
        return self

    def __or__(self, other: object) -> Hint:
        return self

    __ror__ = __or__

    def __repr__(self) -> str:
        return f"typing.{self.name}"


class Root:
    """The base of every class that code defines: `object` as code sees it. Its text holds no address."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object>"


Root.__name__ = Root.__qualname__ = "object"
