"""What there is of the local model on this machine, and what to do about what is missing."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rlm_async.errors import ConfigError
from rlm_async.models.local.choice import Choice, choose
from rlm_async.models.local.install import Installer
from rlm_async.models.local.machine import free_disk, free_memory
from rlm_async.models.local.settings import Serving
from rlm_async.models.local.supervisor import ENGINE, Supervisor
from rlm_async.models.local.weights import DEFAULT, WEIGHTS, Weights, mebibytes


@dataclass(frozen=True, slots=True)
class Held:
    """One model's weights: the verified file, or None; and the bytes of a download that was broken off."""

    weights: Weights
    path: Path | None
    begun: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStatus:
    """The facts that `doctor` shows."""

    engine: str | None
    """Version of the engine, or None where it is not installed."""
    weights: tuple[Held, ...]
    chosen: Choice | None
    """What `local` means now."""
    servers: tuple[Serving, ...]
    folder: Path
    free_disk: int
    free_memory: int | None
    problems: tuple[str, ...]
    """One line each: what is wrong, and the fix. Empty: `local` works."""

    @property
    def usable(self) -> bool:
        """Whether `RLM("local")` would answer."""
        return self.engine is not None and self.chosen is not None


def status(environ: Mapping[str, str] | None = None) -> LocalStatus:
    """Look at this machine. Starts nothing, fetches nothing; may read a new file of weights once."""
    environ = os.environ if environ is None else environ
    installer = Installer.of(environ)
    engine = _engine()
    disk, memory = free_disk(installer.store.folder), free_memory()
    problems = [] if engine else ["its engine is missing: pip install 'rlm-async[local]'"]
    chosen: Choice | None = None
    servers: list[Serving] = []
    try:
        chosen = choose("local", environ)
    except ConfigError as error:
        problems.append(str(error))
        if disk < DEFAULT.size:
            problems.append(
                f"{installer.store.folder} has {mebibytes(disk)} free: set RLM_ASYNC_CACHE to a larger disk"
            )
    try:
        servers = Supervisor.of(environ).serving()
    except ConfigError as error:
        problems.append(str(error))
    if chosen and not servers and (line := _short(chosen, memory)):
        problems.append(line)
    return LocalStatus(
        engine=engine,
        weights=tuple(_held(weights, installer) for weights in WEIGHTS),
        chosen=chosen,
        servers=tuple(servers),
        folder=installer.store.folder,
        free_disk=disk,
        free_memory=memory,
        problems=tuple(problems),
    )


def _engine() -> str | None:
    try:
        return importlib.metadata.version(ENGINE)
    except importlib.metadata.PackageNotFoundError:
        return None


def _held(weights: Weights, installer: Installer) -> Held:
    store = installer.store
    begun = [store.part(weights), *store.wheels(weights).glob("*.whl")]
    return Held(weights, installer.where(weights), sum(path.stat().st_size for path in begun if path.is_file()))


def _short(choice: Choice, memory: int | None) -> str:
    """A line where the memory is too little for the chosen weights."""
    needed = choice.weights.memory if choice.weights else choice.path.stat().st_size
    if memory is None or memory >= needed:
        return ""
    return f"{choice.name} needs {mebibytes(needed)} of memory and {mebibytes(memory)} are free: use local:0.5b"
