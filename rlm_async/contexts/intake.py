"""How much may be read, and what is said when something cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from rlm_async.errors import ConfigError

CHUNK = 4 << 20
"""Bytes read and decoded at a time: decoding holds the interpreter's lock for some milliseconds, not longer."""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What one load may take in before it is refused."""

    total_bytes: int = 2_000_000_000
    """Bytes of all files together, as stored; for packed formats also as unpacked."""
    files: int = 200_000
    """Files that are read; what a folder holds but is left out does not count."""


class Unreadable(ConfigError):
    """One file gives no text; `reason` groups it with others of its folder, as in "binary"."""

    def __init__(self, message: str, reason: str) -> None:
        """`message` stands alone and names the file and the fix."""
        super().__init__(message)
        self.reason = reason


class Intake:
    """Counts what one load reads against its limits, and stops it when nobody waits for it any more."""

    def __init__(self, limits: ReadLimits, stopped: Callable[[], bool] = lambda: False) -> None:
        self._limits = limits
        self._stopped = stopped
        self._bytes = 0
        self._files = 0

    def admit(self, name: str) -> None:
        """Count a file in; raises ConfigError beyond `files`."""
        self._files += 1
        if self._files > self._limits.files:
            raise ConfigError(
                f"more than {self._limits.files:,} files, the last of them {name}: "
                "name fewer, or raise ReadLimits(files=...)"
            )

    def take(self, size: int, name: str) -> None:
        """Count bytes in; raises ConfigError beyond `total_bytes`."""
        self._bytes += size
        if self._bytes > self._limits.total_bytes:
            raise ConfigError(
                f"{name} takes the input over the limit of {shown_size(self._limits.total_bytes)}: "
                "name fewer or smaller files, or raise ReadLimits(total_bytes=...)"
            )

    def check(self) -> None:
        """Raise InterruptedError where the load was given up."""
        if self._stopped():
            raise InterruptedError("reading was given up")

    @property
    def room(self) -> int:
        """Bytes that may still be taken."""
        return self._limits.total_bytes - self._bytes

    def chunks(self, source: BinaryIO) -> Iterator[bytes]:
        """The bytes of `source` from its beginning, in pieces of at most CHUNK."""
        source.seek(0)
        while piece := source.read(CHUNK):
            self.check()
            yield piece


def shown_size(size: int) -> str:
    """`size` in bytes for people: 1.5 GB."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004 -- SI prefixes
            return f"{amount:g} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def shown_name(path: str) -> str:
    """`path` for a line of text: control characters and undecodable bytes escaped, the middle cut out."""
    plain = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in plain)
    return plain if len(plain) <= 160 else f"{plain[:60]}…{plain[-90:]}"  # noqa: PLR2004 -- about two lines of a terminal
