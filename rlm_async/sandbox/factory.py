"""Where sandboxes come from: `Sandbox` keeps a zygote and warm workers, and opens sessions."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Literal, Self

import anyio
import anyio.lowlevel
import anyio.to_thread

from rlm_async.core.context import Context
from rlm_async.errors import ConfigError, SandboxCrashed, SandboxUnavailable
from rlm_async.ports import Host, SandboxFactory
from rlm_async.ports import Sandbox as SandboxPort
from rlm_async.sandbox import plain
from rlm_async.sandbox.cgroup import Bounds, Delegation, Group, find
from rlm_async.sandbox.jail import LAYERS
from rlm_async.sandbox.launcher import Launcher
from rlm_async.sandbox.limits import CellLimits
from rlm_async.sandbox.process import Process
from rlm_async.sandbox.session import Session, Ways
from rlm_async.sandbox.zygote import Plan

Mode = Literal["strict", "process"]
_GUARDED, _PLAIN = "rlm_async.sandbox.guarded:make", "rlm_async.sandbox.plain:make"
_REMOVED_SECONDS, _AGAIN_SECONDS = 5.0, 0.01


class Sandbox:
    """A factory of jailed workers; implements `ports.SandboxFactory`.

    `strict` starts only where no_new_privs, seccomp and either Landlock or a mount namespace can be had;
    `process` takes what the system offers (macOS), and `layers` of each sandbox says what that was.
    `require` names layers that must stand, else SandboxUnavailable. `without=("policy",)` runs plain Python,
    for testing the kernel's walls by themselves. `warm` workers are kept ready. `lazy=False` makes every
    sub-query wait where it is made; `run_ahead=False` sends no copies of a worker ahead of its code.

    Use it as an async context manager, or just use it: everything ends with the host's process at the latest.
    """

    def __init__(
        self,
        *,
        mode: Mode = "strict",
        require: Sequence[str] = (),
        without: Sequence[str] = (),
        cell: CellLimits | None = None,
        warm: int = 2,
        lazy: bool = True,
        run_ahead: bool = True,
    ) -> None:
        _known("require", require, LAYERS)
        _known("without", without, ("policy",))
        if mode not in ("strict", "process"):
            raise ConfigError(f"mode is 'strict' or 'process', not {mode!r}")
        self._strict = mode == "strict"
        self._require = tuple(require)
        self._guarded = "policy" not in without
        self._limits = cell or CellLimits()
        self._warm = warm
        self._ways = Ways(lazy=lazy, run_ahead=run_ahead)
        self._launcher: Launcher | None = None
        self._delegation: Delegation | None = None
        self._turns = _Turns()

    @contextlib.asynccontextmanager
    async def open(self, context: Context, host: Host) -> AsyncIterator[SandboxPort]:
        """A session over `context`; leaving it ends all its processes. Raises SandboxUnavailable."""
        groups: list[Group] = []
        process = await self._process()
        mother = self._launcher
        session = Session(process, self._limits, context, host, self._ways)

        async def anew() -> Process:
            another = await self._another(mother)
            try:
                groups.extend(await self._grouped(another.pid, context))
            except BaseException:
                another.abandon()
                raise
            return another

        try:
            groups.extend(await self._grouped(process.pid, context))
            await session.begin(anew)
            yield session
        finally:
            await session.close()
            for group in groups:
                await _removed(group)

    async def start(self) -> None:
        """Start the zygote and its warm workers now rather than with the first session."""
        async with self._turns.lock:
            await self._started()

    async def aclose(self) -> None:
        """End the zygote and every worker; the next `open` starts anew."""
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            launcher.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _grouped(self, pid: int, context: Context) -> list[Group]:
        """Bound all that the worker may come to be, before it has read anything; the group, where there are any."""
        if self._delegation is None:
            return []
        size = sum(document.text.__sizeof__() for document in context.documents)
        bounds = Bounds.of(self._limits.memory_bytes, size)
        return [await anyio.to_thread.run_sync(self._delegation.enter, pid, bounds)]

    async def _process(self) -> Process:
        async with self._turns.lock:
            try:
                return await self._take()
            except SandboxUnavailable:
                if self._launcher is None or self._launcher.alive:
                    raise
                return await self._take()  # the zygote had been killed: once more with a new one

    async def _another(self, mother: Launcher | None) -> Process:
        """A worker of the same zygote, in place of one that was killed."""
        async with self._turns.lock:
            if self._launcher is mother and mother is not None and mother.alive:
                with contextlib.suppress(SandboxUnavailable):
                    return await self._take()
        raise SandboxCrashed("the process that forks workers has died, and its sessions end with it")

    async def _take(self) -> Process:
        launcher = await self._started()
        launcher.ask(max(1, 1 + self._warm - launcher.waiting))
        return await launcher.take()

    async def _started(self) -> Launcher:
        if self._launcher is not None and self._launcher.alive:
            return self._launcher
        if self._strict and not sys.platform.startswith("linux"):
            raise SandboxUnavailable("mode 'strict' needs Linux; here, ask for Sandbox(mode='process') by name")
        self._delegation = await anyio.to_thread.run_sync(find, os.environ)
        outer = (*(["policy"] if self._guarded else ()), *(["cgroup"] if self._delegation is not None else ()))
        self._launcher = await Launcher.start(
            Plan(
                maker=_GUARDED if self._guarded else _PLAIN,
                preload=() if self._guarded else plain.AT_HAND,
                strict=self._strict,
                require=self._require,
                layers=outer,
                cpu_seconds=self._limits.cpu_seconds,
                empty_root="mount" in self._require,
                parent=os.getpid(),
            )
        )
        self._launcher.ask(self._warm)
        return self._launcher


async def _removed(group: Group) -> None:
    """Remove a group once its last process has gone."""
    with anyio.move_on_after(_REMOVED_SECONDS, shield=True):
        while not group.end():  # noqa: ASYNC110 - the kernel tells it to nobody
            await anyio.sleep(_AGAIN_SECONDS)


class _Turns:
    """A lock for whichever event loop is running: a factory may outlive one and be used in the next."""

    def __init__(self) -> None:
        self._token: object = None
        self._lock: anyio.Lock | None = None

    @property
    def lock(self) -> AbstractAsyncContextManager[None]:
        """The lock of this loop."""
        token = anyio.lowlevel.current_token()
        if self._lock is None or self._token != token:
            self._token, self._lock = token, anyio.Lock()
        return self._lock


def _known(argument: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"{argument}: no layer is called {name!r}; there are {', '.join(known)}")


def inline(*, cell: CellLimits | None = None, lazy: bool = True) -> SandboxFactory:
    """Sandboxes for trusted code, in this process: no wall but the language policy."""
    # Loaded here alone: it brings the interpreter into the host, which a jailed sandbox never does.
    module = importlib.import_module("rlm_async.sandbox.unjailed")
    factory: SandboxFactory = module.Inline(cell=cell, lazy=lazy)
    return factory
