"""Resources that several users share: opened by the first, closed by the last, one set for each event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio
from anyio.lowlevel import RunVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Open(Generic[T]):
    users: int
    manager: AbstractAsyncContextManager[T]
    ready: anyio.Event
    resource: T | None = None


class Lease(Generic[T]):
    """Hands out what `make` opens. A loop that has ended takes its own set with it."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        """`make` gives a fresh context manager, whose exit may run in another task than its entry."""
        self._make = make
        self._open: RunVar[_Open[T] | None] = RunVar("rlm_async.lease", None)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[T]:
        """The resource, open for the length of the block."""
        opened = await self._take()
        try:
            if opened.resource is None:
                raise RuntimeError("the resource could not be opened")
            yield opened.resource
        finally:
            opened.users -= 1
            if opened.users == 0 and self._open.get() is opened:
                self._open.set(None)
                with anyio.CancelScope(shield=True):
                    await opened.manager.__aexit__(None, None, None)

    async def _take(self) -> _Open[T]:
        opened = self._open.get()
        if opened is not None:
            opened.users += 1
            await opened.ready.wait()
            return opened
        opened = _Open(1, self._make(), anyio.Event())
        self._open.set(opened)
        try:
            opened.resource = await opened.manager.__aenter__()
        except BaseException:
            self._open.set(None)
            raise
        finally:
            opened.ready.set()
        return opened
