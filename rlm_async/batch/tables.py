"""Rows of a JSONL, CSV or Parquet file, one at a time: a bad row is named and does not end the others."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO

import msgspec

from rlm_async.core.data import Data, plain
from rlm_async.errors import ConfigError

LONGEST_ROW = 256 << 20
"""Bytes of one line at most: a longer one is named, not read."""
_TOO_LONG = f"longer than {LONGEST_ROW >> 20} MB: put its text into a file and name it in paths"
_PARQUET_ROWS = 64
SUFFIXES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `number` counts lines (JSONL) or rows from 1; `fault` says why it has no fields."""

    number: int
    fields: Mapping[str, Data] = field(default_factory=dict)
    fault: str = ""


def rows(path: Path) -> Iterator[Row]:
    """The rows of a table, read as they are asked for; raises ConfigError where it cannot be read at all."""
    suffix = path.suffix.lower()
    try:
        if suffix in {".jsonl", ".ndjson"}:
            with path.open("rb") as file:
                yield from _json_rows(file)
        elif suffix in {".csv", ".tsv"}:
            with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
                yield from _csv_rows(text, path)
        elif suffix == ".parquet":
            yield from _parquet_rows(path)
        else:
            raise ConfigError(f"{path}: questions come from a file that ends in {', '.join(SUFFIXES)}")
    except OSError as error:
        raise ConfigError(f"cannot read the questions in {path}: {error.strerror or error}") from error


def _json_rows(file: BinaryIO) -> Iterator[Row]:
    number = 0
    while line := file.readline(LONGEST_ROW + 1):
        number += 1
        if len(line) > LONGEST_ROW:
            while not line.endswith(b"\n") and (line := file.readline(LONGEST_ROW)):
                pass  # the rest of it, in pieces
            yield Row(number, fault=_TOO_LONG)
            continue
        stripped = line.strip()
        if number == 1:
            stripped = stripped.removeprefix(b"\xef\xbb\xbf")
        if stripped:
            yield _json_row(number, stripped)


def _json_row(number: int, line: bytes) -> Row:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        return Row(number, fault=f"not a line of JSON ({_clipped(error)})")
    if not isinstance(value, dict):
        return Row(number, fault=f"a {type(value).__name__}, where a JSON object is wanted")
    return Row(number, value)


def _csv_rows(file: TextIO, path: Path) -> Iterator[Row]:
    csv.field_size_limit(min(LONGEST_ROW, sys.maxsize))
    head = file.read(64_000)
    file.seek(0)
    dialect: type[csv.Dialect] = csv.excel_tab if path.suffix.lower() == ".tsv" else csv.excel
    if dialect is csv.excel:
        with suppress(csv.Error):  # cannot tell: then it is the comma
            dialect = csv.Sniffer().sniff(head.partition("\n")[0], delimiters=",;\t")
            dialect.doublequote = True
    reader = csv.reader(file, dialect)
    try:
        names = next(reader, None)
    except csv.Error as error:
        raise ConfigError(f"{path}: its first row, which names the columns, cannot be read: {error}") from error
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"{path}: the first row must name the columns, each once")
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Row(number, fault=f"not a row of CSV ({_clipped(error)})")
            continue
        if cells is None:
            return
        if cells:
            yield _csv_row(number, names, cells)


def _csv_row(number: int, names: list[str], cells: list[str]) -> Row:
    if len(cells) != len(names):
        return Row(number, fault=f"{len(cells)} cells under {len(names)} columns")
    if any("\udc80" <= character <= "\udcff" for cell in cells if not cell.isascii() for character in cell):
        return Row(number, fault="not text in UTF-8")
    return Row(number, dict(zip(names, cells, strict=True)))


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import ArrowInvalid, parquet  # noqa: PLC0415 - an extra: only those who have Parquet need it
    except ImportError as error:
        raise ConfigError(f"{path}: reading Parquet needs pyarrow: pip install 'rlm-async[parquet]'") from error
    try:
        with parquet.ParquetFile(path) as file:
            batches = (row for batch in file.iter_batches(_PARQUET_ROWS) for row in batch.to_pylist())
            for number, row in enumerate(batches, 1):
                yield Row(number, {str(name): _cell(value) for name, value in row.items()})
    except ArrowInvalid as error:
        raise ConfigError(f"{path} is not a Parquet file: {_clipped(error)}") from error


def _cell(value: object) -> Data:
    """A cell as plain data: bytes as text where they are, dates and decimals as they are written."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    try:
        return plain(value)
    except TypeError:
        return str(value)


def head(path: Path, count: int) -> list[Row]:
    """The first rows."""
    return list(islice(rows(path), count))


def _clipped(error: Exception) -> str:
    return str(error).partition("\n")[0][:160]
