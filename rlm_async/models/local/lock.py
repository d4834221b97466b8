"""A lock between processes that the kernel takes back when its holder dies (flock(2))."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rlm_async.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows has no flock; importing this package must work there all the same
    fcntl = None  # type: ignore[assignment]

POLL_SECONDS = 0.05


class Lock:
    """An exclusive lock on a file. The file stays behind: deleting it would let two hold "the" lock."""

    def __init__(self, path: Path) -> None:
        """Name the lock; nothing is created before it is taken."""
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._descriptor is not None

    def take_nowait(self) -> bool:
        """Take it if nobody else has it."""
        if fcntl is None:
            raise ConfigError("the local model needs Linux or macOS; on Windows use WSL, or Ollama with --api-base")
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def take(self, seconds: float, waiting: Callable[[], None] | None = None) -> bool:
        """Take it within `seconds`, telling `waiting` once if somebody else has it; False if still taken."""
        if self.take_nowait():
            return True
        if waiting is not None:
            waiting()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(POLL_SECONDS)
            if self.take_nowait():
                return True
        return False

    def release(self) -> None:
        """Give it back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_taken(path: Path) -> bool:
    """Whether some live process holds the lock. Two that ask at once do not see each other."""
    if fcntl is None or not path.exists():
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def holding(path: Path, seconds: float, busy: str) -> Iterator[None]:
    """Hold the lock for the block; ConfigError with the text `busy` if it stays taken for `seconds`."""
    lock = Lock(path)
    if not lock.take(seconds):
        raise ConfigError(busy)
    try:
        yield
    finally:
        lock.release()
