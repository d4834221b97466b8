"""What code may wait for: its own coroutines, lazy values, the host's awaitables, and plain values, at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from dataclasses import dataclass
from types import AsyncGeneratorType, CoroutineType

from rlm_async.sandbox.handles import Handle, touch
from rlm_async.sandbox.policy.realm import Realm
from rlm_async.sandbox.policy.refusals import PolicyError

_PLAIN = (str, int, float, bool, type(None), list, dict, tuple, set)

Waiter = Callable[[Handle], Awaitable[object]]
"""How the runtime waits for a lazy value: given by the interpreter."""


@dataclass(frozen=True, slots=True)
class Ready:
    """An awaitable that is ready: `await` on a value gives the value."""

    value: object

    def __await__(self) -> Generator[object, None, object]:
        yield from ()
        return self.value


async def lazily(handle: Handle) -> object:
    """The default waiter: the value stays lazy, and is made real where it is needed."""
    return handle


@dataclass(frozen=True, slots=True)
class Waiting:
    """The guards behind `await`, `async for` and asynchronous comprehensions."""

    realm: Realm
    waiter: Waiter

    def wait(self, value: object) -> Awaitable[object]:
        """What to await in place of the value."""
        kind = type(value)
        if isinstance(value, Handle):
            return self.waiter(value)
        if kind is CoroutineType and self._is_own(value.cr_frame):  # type: ignore[attr-defined]
            return value  # type: ignore[return-value]
        if kind in self.realm.host and "__await__" in self.realm.host[kind]:
            return value  # type: ignore[return-value]
        if kind in _PLAIN:
            return Ready(value)
        raise PolicyError(f"a {kind.__name__!r} object cannot be awaited here")

    def _is_own(self, frame: object) -> bool:
        return frame is None or getattr(frame, "f_globals", None) is self.realm.scope

    def each(self, value: object) -> AsyncIterator[object]:
        """What to iterate over asynchronously."""
        value = touch(value)
        kind = type(value)
        if kind is AsyncGeneratorType and self._is_own(value.ag_frame):  # type: ignore[attr-defined]
            return value  # type: ignore[return-value]
        if kind in self.realm.own and hasattr(kind, "__aiter__"):
            return value  # type: ignore[return-value]
        if kind in self.realm.host and "__aiter__" in self.realm.host[kind]:
            return value  # type: ignore[return-value]
        if kind in (list, tuple) or (kind in self.realm.host and "__iter__" in self.realm.host[kind]):
            return self._one_by_one(value)  # type: ignore[arg-type]
        raise PolicyError(f"a {kind.__name__!r} object cannot be used in async for: use a plain for loop")

    async def _one_by_one(self, values: Iterable[object]) -> AsyncIterator[object]:
        for value in values:
            yield value
