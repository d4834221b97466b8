"""Writes the rows of each part and the card beside them; nothing is half there where the writing breaks off."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from rlm_async.errors import ConfigError
from rlm_async.export.card import MARK
from rlm_async.export.formats import Row
from rlm_async.export.splitting import PARTS

INFO = "info"
"""The folder of what a format allows no field for."""
CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Target:
    """Where data goes: a folder, or one file."""

    path: Path

    @property
    def single(self) -> bool:
        """Whether it is one file."""
        return self.path.suffix in {".jsonl", ".json"}

    @property
    def card(self) -> Path:
        """The card beside it: the folder's README, or a file of the same name."""
        return self.path.with_suffix(".md") if self.single else self.path / CARD

    def files(self, parts: Iterable[str]) -> dict[str, str]:
        """The name of each part's file, as the card tells it. A part without rows has none: readers stumble on it."""
        return {part: self.path.name if self.single else f"{part}.jsonl" for part in parts}

    def check(self, *, whole: bool) -> None:
        """Raise ConfigError for a place that cannot be written to, or holds something else."""
        if self.single and not whole:
            raise ConfigError(f"-o {self.path}: a split has several files; name a folder")
        if not self.single and self.path.is_file():
            raise ConfigError(f"-o {self.path} is a file; name a folder, or a file that ends in .jsonl")
        if self.card.exists() and MARK not in self.card.read_text("utf-8", "replace"):
            raise ConfigError(f"{self.card} is not ours to write over: name another place with -o")

    def write(self, parts: Mapping[str, Sequence[Row]], card: str) -> None:
        """Write all. Raises ConfigError."""
        folder = self.path.parent if self.single else self.path
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._cleared(folder)
            for part, name in self.files(parts).items():
                rows = parts[part]
                _replace(folder / name, b"".join(msgspec.json.encode(row.fields) + b"\n" for row in rows))
                if any(row.info for row in rows):
                    beside = folder / INFO / (f"{part}.jsonl" if not self.single else name)
                    beside.parent.mkdir(exist_ok=True)
                    _replace(beside, b"".join(msgspec.json.encode(row.info) + b"\n" for row in rows))
            _replace(self.card, card.encode("utf-8", "replace"))
        except OSError as error:
            raise ConfigError(
                f"cannot write to {folder}: {error.strerror or error}; name another place with -o"
            ) from error

    def _cleared(self, folder: Path) -> None:
        """Take away what an earlier export has left in the folder: its parts may have been others."""
        if not self.single and self.card.exists():
            for part in PARTS:
                (folder / f"{part}.jsonl").unlink(missing_ok=True)
                (folder / INFO / f"{part}.jsonl").unlink(missing_ok=True)


def _replace(path: Path, raw: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    draft.write_bytes(raw)
    draft.replace(path)
