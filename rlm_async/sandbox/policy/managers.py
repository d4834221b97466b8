"""`with` blocks and handlers: they see errors, never tracebacks, and cannot swallow what stops a cell."""

from __future__ import annotations

import io
import sys
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from rlm_async.sandbox.handles import touch
from rlm_async.sandbox.policy.realm import Checked, Realm
from rlm_async.sandbox.policy.refusals import PolicyError
from rlm_async.sandbox.policy.surfaces import Function

Manager = Callable[[object], object]


class _Enters(Protocol):
    def __enter__(self) -> object: ...
    def __exit__(self, kind: object, value: object, traceback: object) -> object: ...


class _EntersLater(Protocol):
    def __aenter__(self) -> Awaitable[object]: ...
    def __aexit__(self, kind: object, value: object, traceback: object) -> Awaitable[object]: ...


@dataclass(slots=True)
class Entered:
    """A context manager of the code's own, as Python's `with` sees it."""

    inner: _Enters

    def __enter__(self) -> object:
        return self.inner.__enter__()

    def __exit__(self, kind: object, value: BaseException | None, traceback: object) -> bool:
        if value is not None and is_control(value):
            self.inner.__exit__(None, None, None)
            return False
        return bool(self.inner.__exit__(kind, value, None))


@dataclass(slots=True)
class EnteredLater:
    """The same for `async with`."""

    inner: _EntersLater
    wait: Callable[[object], Awaitable[object]]

    async def __aenter__(self) -> object:
        return await self.wait(self.inner.__aenter__())

    async def __aexit__(self, kind: object, value: BaseException | None, traceback: object) -> bool:
        if value is not None and is_control(value):
            await self.wait(self.inner.__aexit__(None, None, None))
            return False
        return bool(await self.wait(self.inner.__aexit__(kind, value, None)))


def is_control(error: BaseException | None) -> bool:
    """Whether an exception, or one that it arose from, is not the code's to catch.

    An error raised while a stop was on its way (in a `finally`, say) must not hide the stop.
    """
    seen = 0
    while error is not None and seen < _LONGEST_CHAIN:
        if not isinstance(error, Exception | GeneratorExit):
            return True
        error = error.__context__
        seen += 1
    return False


_LONGEST_CHAIN = 1000


def catch(kinds: object) -> tuple[type[BaseException], ...]:
    """What an `except` clause catches: subclasses of Exception, and nothing while the cell is being stopped.

    It never raises: an error here would take the place of the exception that is on its way.
    """
    if is_control(sys.exc_info()[1]):
        return ()
    wanted = kinds if type(kinds) is tuple else (kinds,)
    flat: list[type[BaseException]] = []
    for kind in wanted:
        if type(kind) is tuple:
            flat.extend(catch(kind))
        elif isinstance(kind, type) and issubclass(kind, Exception):
            flat.append(kind)
    return tuple(flat)


def manager_guard(realm: Realm) -> Manager:
    """The guard behind `with`."""

    def manager(value: object) -> object:
        value = touch(value)
        kind = type(value)
        if kind in realm.own and hasattr(kind, "__enter__") and hasattr(kind, "__exit__"):
            return Entered(value)  # type: ignore[arg-type]
        if kind in _FILES or kind in _OURS or (kind in realm.host and "__enter__" in realm.host[kind]):
            return value
        raise PolicyError(f"a {kind.__name__!r} object cannot be used in a with statement here")

    return manager


def async_manager_guard(realm: Realm, wait: Callable[[object], Awaitable[object]]) -> Manager:
    """The guard behind `async with`."""

    def manager(value: object) -> object:
        value = touch(value)
        kind = type(value)
        if kind in realm.own and hasattr(kind, "__aenter__") and hasattr(kind, "__aexit__"):
            return EnteredLater(value, wait)  # type: ignore[arg-type]
        if kind in realm.host and "__aenter__" in realm.host[kind]:
            return value
        raise PolicyError(f"a {kind.__name__!r} object cannot be used in an async with statement here")

    return manager


@dataclass(slots=True)
class Generated:
    """What a function under `@contextmanager` gives: runs to its `yield`, then the block, then on."""

    generator: Generator[object, None, None]

    def __enter__(self) -> object:
        return next(self.generator)

    def __exit__(self, kind: object, value: BaseException | None, traceback: object) -> bool:
        if value is None:
            return self._finished()
        if is_control(value):
            self.generator.close()
            return False
        return self._thrown(value)

    def _finished(self) -> bool:
        for _ in self.generator:
            self.generator.close()
            raise RuntimeError("generator didn't stop")
        return False

    def _thrown(self, value: BaseException) -> bool:
        try:
            self.generator.throw(value)
        except StopIteration as stop:
            return stop is not value
        except Exception as error:  # the generator's own answer to the error: the same one means "not handled"
            if error is value:
                return False
            raise
        raise RuntimeError("generator didn't stop after throw()")


@dataclass(slots=True)
class Suppressed:
    """`contextlib.suppress`."""

    kinds: tuple[object, ...]

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, value: BaseException | None, traceback: object) -> bool:
        return value is not None and not is_control(value) and isinstance(value, catch(self.kinds))


@dataclass(slots=True)
class Unchanged:
    """`contextlib.nullcontext`."""

    value: object = None

    def __enter__(self) -> object:
        return self.value

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        return None


_FILES = (io.StringIO, io.BytesIO)
_OURS = (Generated, Suppressed, Unchanged)


def manager_maker(realm: Realm, checked: Checked) -> Callable[[object], Function]:
    """`contextlib.contextmanager`."""

    def contextmanager(function: object) -> Function:
        make = checked(function)

        def managed(*arguments: object, **named: object) -> Generated:
            return Generated(make(*arguments, **named))  # type: ignore[arg-type]  # a generator, or an error at `with`

        managed.__name__ = getattr(make, "__name__", "managed")
        return realm.admit(managed)

    return contextmanager
