"""What one local server is started with, and the files through which it is found again."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rlm_async.errors import ConfigError

WINDOW = 8192
SLOTS = 1
"""Requests answered at once. On two cores a second slot gains nothing (measured) and takes its own memory."""
IDLE_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One server: which weights, how many tokens a request, how many requests at once."""

    model: str
    """Path of the GGUF file, absolute."""
    name: str
    window: int = WINDOW
    """Tokens of prompt and completion in one request."""
    slots: int = SLOTS
    threads: int = 2
    idle: float = IDLE_SECONDS
    """Seconds without a request after which it ends."""

    @classmethod
    def of(cls, model: Path, name: str, environ: Mapping[str, str], trained: int | None = None) -> Settings:
        """As the environment says: `RLM_ASYNC_LOCAL_WINDOW`, `_SLOTS`, `_IDLE`; raises ConfigError."""
        window = _number(environ, "RLM_ASYNC_LOCAL_WINDOW", WINDOW)
        return cls(
            model=str(model.resolve()),
            name=name,
            window=int(min(window, trained or window)),
            slots=int(_number(environ, "RLM_ASYNC_LOCAL_SLOTS", SLOTS)),
            threads=cores(),
            idle=_number(environ, "RLM_ASYNC_LOCAL_IDLE", IDLE_SECONDS),
        )

    @property
    def key(self) -> str:
        """Servers with equal keys are one and the same. Raises ConfigError where the weights are gone."""
        try:
            found = Path(self.model).stat()
        except OSError as error:
            raise ConfigError(f"the weights {self.model} cannot be read any more: {error.strerror}") from error
        parts = [self.model, found.st_size, found.st_mtime_ns, self.window, self.slots]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A running server: where it listens, and the word it wants to hear."""

    address: str
    """`http://127.0.0.1:port`."""
    api_key: str
    """Made for this one server; also tells it from one that was here before."""
    pid: int
    name: str
    model: str
    window: int
    slots: int
    started: float
    """Seconds since the epoch."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Serving({self.name} at {self.address}, pid {self.pid})"


@dataclass(frozen=True, slots=True)
class Desk:
    """The files of one server in the runtime folder."""

    folder: Path
    key: str

    @property
    def state(self) -> Path:
        """Where the server writes its address. It ends when this file is gone or another's."""
        return self.folder / f"{self.key}.json"

    @property
    def alive(self) -> Path:
        """Locked by the server as long as it lives; the kernel unlocks it however the server dies."""
        return self.folder / f"{self.key}.alive"

    @property
    def starting(self) -> Path:
        """Locked by whoever is starting the server."""
        return self.folder / f"{self.key}.starting"

    @property
    def log(self) -> Path:
        """What the engine said."""
        return self.folder / f"{self.key}.log"

    def read(self) -> Serving | None:
        """What the server wrote; None if it is not there or not whole."""
        try:
            return Serving(**json.loads(self.state.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def dismissed(self, serving: Serving) -> bool:
        """Whether the address of `serving` was taken away. A file that cannot be read just now was not."""
        try:
            text = self.state.read_text("utf-8")
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return serving.api_key not in text

    def write(self, serving: Serving) -> None:
        """Publish a server, in one step."""
        draft = self.state.with_suffix(f".{os.getpid()}.tmp")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(serving)), "utf-8")
        draft.replace(self.state)


def runtime_folder(environ: Mapping[str, str]) -> Path:
    """The user's folder for what lives only while programs run; raises ConfigError if it is not safe.

    Others must not be able to plant an address there, so it belongs to the user and nobody else enters.
    """
    own = environ.get("RLM_ASYNC_RUNTIME")
    session = environ.get("XDG_RUNTIME_DIR")
    if own:
        folder = Path(own).expanduser()
    elif session and Path(session).is_dir():
        folder = Path(session) / "rlm-async"
    else:
        folder = Path(tempfile.gettempdir()) / f"rlm-async-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ConfigError(f"cannot create {folder} ({error.strerror}): set RLM_ASYNC_RUNTIME to a folder") from error
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if not stat.S_ISDIR(found.st_mode) or not mine or found.st_mode & 0o022:
        raise ConfigError(f"{folder} is not a folder that only you can write to: set RLM_ASYNC_RUNTIME to another")
    return folder


def cores() -> int:
    """CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise ConfigError(f"{name}={text!r} is not a positive number")
    return value
