"""Sandboxes by name: ours, and those that installed distributions offer in the group `rlm_async.sandboxes`.

An entry point there names a callable without arguments that gives a `ports.SandboxFactory`; one with an
`aclose()` is closed after use. A plugin is loaded when it is named, and not before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint, entry_points

from rlm_async.errors import ConfigError
from rlm_async.ports import SandboxFactory
from rlm_async.sandbox.factory import Sandbox, inline
from rlm_async.sandbox.limits import CellLimits

GROUP = "rlm_async.sandboxes"
OWN = ("strict", "process", "inline")
"""Jailed; jailed as far as the system goes; no wall but the language, for trusted code."""


def installed() -> Mapping[str, EntryPoint]:
    """Entry points of plugins by name; nothing is loaded."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


def check_name(name: str) -> str:
    """The name of a sandbox that is there; raises ConfigError, which lists them."""
    if name not in OWN and name not in (plugins := installed()):
        names = ", ".join([*OWN, *plugins])
        raise ConfigError(f"there is no sandbox {name!r}; choose one of: {names}, or install the plugin that brings it")
    return name


@asynccontextmanager
async def opened(name: str, *, cell: CellLimits | None = None, run_ahead: bool = True) -> AsyncIterator[SandboxFactory]:
    """The factory of a name, closed at the end of the block; raises ConfigError.

    `cell` and `run_ahead` are for our own: a plugin has limits of its own.
    """
    check_name(name)
    if name in ("strict", "process"):
        async with Sandbox(mode="strict" if name == "strict" else "process", cell=cell, run_ahead=run_ahead) as ours:
            yield ours
        return
    factory = inline(cell=cell) if name == "inline" else made(installed()[name])
    try:
        yield factory
    finally:
        close = getattr(factory, "aclose", None)
        if close is not None:
            await close()


def made(entry: EntryPoint) -> SandboxFactory:
    """What an entry point gives; raises ConfigError, which names the distribution at fault."""
    source = f"the sandbox {entry.name!r} of {entry.dist.name if entry.dist is not None else entry.value}"
    try:
        make: Callable[[], SandboxFactory] = entry.load()
        factory = make()
    except Exception as error:  # a boundary: a plugin's import and factory may raise anything
        raise ConfigError(f"{source} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(getattr(factory, "open", None)):
        raise ConfigError(f"{source} gives a {type(factory).__name__}, which opens no sandboxes")
    return factory
