"""The file of results: one line an item, appended as they come, whole again after any crash.

A line is written by one `write` to a file opened for appending, so a killed process leaves at most one torn
line, at the end; opening the file again cuts that off. `sync` makes it last through a power cut as well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from rlm_async.core.data import Data
from rlm_async.core.items import BATCH, ItemResult
from rlm_async.core.query import Status
from rlm_async.errors import ConfigError

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file says about one item: how it ended, which question that was, what it cost, where it stands."""

    status: Status
    key: str
    settled: bool
    offset: int
    length: int


class _Line(msgspec.Struct):
    """What of a line is looked at; the rest is left alone."""

    id: str
    status: str = ""
    key: str = ""
    cut: str = ""
    error: str | None = None


class Results:
    """An open results file. One process at a time: the file is locked for the length of `opened`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Use `Results.opened`."""
        self.path = path
        self.kept: dict[str, Kept] = {}
        """By item, in the order of the file."""
        self._descriptor = descriptor
        self._end = 0
        self._unsynced = False

    @classmethod
    @contextmanager
    def opened(cls, path: Path, *, fresh: bool = False) -> Iterator[Self]:
        """The file at `path`, made if it is not there, mended if its last line is torn; emptied where `fresh`.

        Raises ConfigError where it cannot be written, is in use, or is not a file of results.
        """
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o644)
        results = cls(path, descriptor)
        try:
            _lock(descriptor, path)
            with _translated(path):
                if fresh:
                    os.ftruncate(descriptor, 0)
                results._read()
            yield results
            with _translated(path):
                results.sync()
        finally:
            os.close(results._descriptor)

    def append(self, result: ItemResult) -> None:
        """Write a result, once; raises ConfigError where the disk does not take it."""
        if result.id in self.kept:
            return
        line = msgspec.json.encode(result.record) + b"\n"
        with _translated(self.path):
            _write(self._descriptor, line)
        self._note(result.id, _kept(result.record, self._end, len(line)))
        self._end += len(line)
        self._unsynced = True

    def sync(self) -> None:
        """Wait until what was written is on the disk; may take some ten milliseconds."""
        if self._unsynced:
            self._unsynced = False
            os.fsync(self._descriptor)

    def drop(self, unwanted: Callable[[str, Kept], bool]) -> int:
        """Take the lines of some items out, to ask those again; returns how many they were."""
        names = [name for name, kept in self.kept.items() if unwanted(name, kept)]
        gone = set(names)
        if gone:
            self._rewrite(name for name in self.kept if name not in gone)
        return len(names)

    def arrange(self, order: Iterable[str]) -> None:
        """Put the lines in the order of `order`; those that it does not name come last, as they were."""
        wanted = [name for name in order if name in self.kept]
        listed = set(wanted)
        wanted += [name for name in self.kept if name not in listed]
        if wanted != list(self.kept):
            self._rewrite(wanted)

    def records(self) -> Iterator[Mapping[str, Data]]:
        """The lines as they stand in the file, one at a time."""
        for kept in self.kept.values():
            yield msgspec.json.decode(os.pread(self._descriptor, kept.length, kept.offset))

    def _read(self) -> None:
        size = os.fstat(self._descriptor).st_size
        with os.fdopen(os.dup(self._descriptor), "rb", _BLOCK) as file:
            file.seek(0)
            for number, line in enumerate(file, 1):
                last = self._end + len(line) == size
                if not self._taken(line, last=last, number=number):
                    os.ftruncate(self._descriptor, self._end)
                    return
                self._end += len(line)
                if last and not line.endswith(b"\n"):
                    _write(self._descriptor, b"\n")
                    self._end += 1

    def _taken(self, line: bytes, *, last: bool, number: int) -> bool:
        """Note a line; False for the torn one at the end."""
        if not line.strip():
            return True
        try:
            told = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            if last and not line.endswith(b"\n") and number > 1:
                return False
            if last and not line.endswith(b"\n") and line.startswith(b'{"id":'):
                return False
            raise ConfigError(
                f"{self.path} is no file of results (line {number}): name another with -o, or --overwrite it"
            ) from error
        self._note(told.id, _kept(msgspec.structs.asdict(told), self._end, len(line)))
        return True

    def _note(self, name: str, kept: Kept) -> None:
        self.kept.setdefault(name, kept)

    def _rewrite(self, names: Iterable[str]) -> None:
        """The same file with only these lines, in this order; whole at every instant, as rename is atomic."""
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        chosen = list(names)
        with _translated(self.path):
            try:
                descriptor, end = _copied(self._descriptor, beside, [self.kept[name] for name in chosen])
            except BaseException:
                with suppress(OSError):
                    beside.unlink()
                raise
            _lock(descriptor, self.path)
            beside.replace(self.path)
            _sync_folder(self.path.parent)
        os.close(self._descriptor)
        self._descriptor = descriptor
        offset, self.kept = 0, {name: self.kept[name] for name in chosen}
        for name, kept in self.kept.items():
            length = kept.length
            self.kept[name] = Kept(kept.status, kept.key, kept.settled, offset, length)
            offset += length
        self._end = end


def _kept(record: Mapping[str, object], offset: int, length: int) -> Kept:
    told = record.get("status")
    status: Status = "complete" if told == "complete" else "partial" if told == "partial" else "failed"
    if not told and record.get("error") is None:
        status = "complete"
    return Kept(status, sys.intern(str(record.get("key") or "")), record.get("cut") != BATCH, offset, length)


def _copied(source: int, target: Path, kept: list[Kept]) -> tuple[int, int]:
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o644)
    end = 0
    for line in kept:
        _write(descriptor, os.pread(source, line.length, line.offset))
        end += line.length
    os.fsync(descriptor)
    return descriptor, end


def _write(descriptor: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _lock(descriptor: int, path: Path) -> None:
    if sys.platform == "win32":
        return
    import fcntl  # noqa: PLC0415 - there is none on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(f"another batch writes to {path} now; wait for it, or name another file with -o") from error


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # a file system without it loses the rename at a power cut, nothing else
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"cannot write the results to {path}: {error.strerror or error}") from error
