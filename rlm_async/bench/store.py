"""Rows in a file that only grows: a run that is killed goes on where it stopped, and asks nothing twice."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from rlm_async.bench.points import Row
from rlm_async.errors import ConfigError


class Rows:
    """Rows by key, in a file of one JSON object a line; a last line that was cut off is run again."""

    def __init__(self, path: Path) -> None:
        """Read what is there. Raises ConfigError for a file that holds something else."""
        self.path = path
        self._rows = {row.key: row for row in read_rows([path])} if path.exists() else {}
        path.parent.mkdir(parents=True, exist_ok=True)

    def __contains__(self, key: str) -> bool:
        """Whether the row is there."""
        return key in self._rows

    def __getitem__(self, key: str) -> Row:
        """The row of a key."""
        return self._rows[key]

    def add(self, row: Row) -> None:
        """Keep a row, on the disk before this returns."""
        cut = self.path.exists() and not _whole(self.path)
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" * cut + row.written() + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._rows[row.key] = row

    def __iter__(self) -> Iterator[Row]:
        """All rows, in the order in which they were added."""
        return iter(self._rows.values())


def read_rows(paths: Iterable[Path]) -> list[Row]:
    """The rows of several files; of two with one key the later one. Raises ConfigError."""
    found: dict[str, Row] = {}
    for path in paths:
        try:
            lines = path.read_text("utf-8").splitlines()
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}; name a file of `bench run`") from error
        for number, line in enumerate(lines, 1):
            try:
                row = Row.read(line)
            except (ValueError, TypeError, KeyError) as error:
                if number == len(lines) or not line.endswith("}"):
                    continue  # the line that was being written when the run was killed
                raise ConfigError(f"{path}, line {number} is no row of a benchmark: {error}") from error
            found[row.key] = row
    return list(found.values())


def _whole(path: Path) -> bool:
    """Whether a file ends with a line break."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        if file.tell() == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
