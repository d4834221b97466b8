"""Paths in, a Context out: the one way from files, folders and standard input to something to ask about."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread

from rlm_async.contexts.intake import Intake, ReadLimits, Unreadable, shown_name
from rlm_async.contexts.reading import Reading, read_file, read_stdin
from rlm_async.contexts.sources import Source, names, sources, unreadable
from rlm_async.contexts.trees import LeftOut, walk
from rlm_async.core.context import Context, Document, Shape
from rlm_async.errors import ConfigError

DEFAULT_LIMITS = ReadLimits()
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
_NOTES = 20
"""Lines about single files at most; the others are counted."""


def load(paths: Paths, *, stdin: BinaryIO | None = None, limits: ReadLimits = DEFAULT_LIMITS) -> Context:
    """The context that files, folders, quoted patterns and `-` (standard input) hold.

    One file gives the shape `text`; several, or a folder, give `corpus`, named by their paths below the folder
    that holds them all. What a caller named must be readable, or ConfigError says why and what to do; what was
    found in a folder or by a pattern is left out instead, and `Context.notes` tells it.
    """
    return _load(paths, stdin, limits, lambda: False)


async def load_async(paths: Paths, *, stdin: BinaryIO | None = None, limits: ReadLimits = DEFAULT_LIMITS) -> Context:
    """`load` in a thread; when cancelled, it stops reading within one file or chunk."""
    given_up = threading.Event()
    try:
        return await anyio.to_thread.run_sync(
            partial(_load, paths, stdin, limits, given_up.is_set), abandon_on_cancel=True
        )
    finally:
        given_up.set()


@dataclass(slots=True)
class _Haul:
    """What one load has brought in so far."""

    files: list[Path] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)

    def add(self, path: Path, reading: Reading) -> None:
        self.files.append(path)
        self.readings.append(reading)


def _load(paths: Paths, stdin: BinaryIO | None, limits: ReadLimits, stopped: Callable[[], bool]) -> Context:
    intake = Intake(limits, stopped)
    roots = sources(paths)
    haul = _Haul()
    seen: set[str] = set()
    for root in roots:
        if root.kind == "stdin":
            haul.add(root.path, read_stdin(_standard_input(stdin), "standard input", intake))
            continue
        for file in _files(root, intake, haul.left_out):
            key = os.path.realpath(file)
            if key not in seen:
                seen.add(key)
                _take_in(file, root, intake, haul)
    if not haul.files:
        raise ConfigError(_nothing(roots, haul.left_out))
    return _context(roots, haul)


def _files(root: Source, intake: Intake, left_out: LeftOut) -> Iterator[Path]:
    if root.kind == "file":
        yield root.path
        return
    try:
        yield from walk(root.path, intake, left_out)
    except InterruptedError:
        raise
    except OSError as error:  # the folder itself; what is wrong below is left out
        raise unreadable(shown_name(str(root.path)), error) from error


def _take_in(file: Path, root: Source, intake: Intake, haul: _Haul) -> None:
    name = shown_name(os.path.relpath(file, root.path) if root.kind == "folder" else _as_given(file))
    try:
        reading = read_file(file, name, intake)
    except Unreadable as error:
        if root.kind == "file" and not root.found:
            raise
        haul.left_out.add(error.reason, name)
        return
    intake.admit(name)
    haul.add(file, reading)


def _as_given(file: Path) -> str:
    """The path as its reader would write it: relative where that is shorter."""
    try:
        return min(os.path.relpath(file), str(file), key=len)
    except ValueError:  # on another drive
        return str(file)


def _context(roots: list[Source], haul: _Haul) -> Context:
    named = _distinct(names(haul.files, roots))
    documents = tuple(Document(name, reading.text) for name, reading in zip(named, haul.readings, strict=True))
    alone = len(documents) == 1 and len(roots) == 1 and roots[0].kind != "folder"
    shape: Shape = "text" if alone else "corpus"
    told = [f"{shown_name(n)}: {reading.note}" for n, reading in zip(named, haul.readings, strict=True) if reading.note]
    if len(told) > _NOTES:
        told = [*told[:_NOTES], f"and {len(told) - _NOTES:,} more files with remarks like these"]
    folders = tuple(os.path.realpath(root.path) for root in roots if root.kind == "folder")
    return Context(documents, shape, (*told, *haul.left_out.notes()), folders)


def _distinct(given: list[str]) -> list[str]:
    """Names as given, a second one of the same with a number: a dict would drop a document otherwise."""
    taken: set[str] = set()
    result = []
    for name in given:
        distinct, number = name, 2
        while distinct in taken:
            distinct, number = f"{name} ({number})", number + 1
        taken.add(distinct)
        result.append(distinct)
    return result


def _nothing(roots: list[Source], left_out: LeftOut) -> str:
    where = shown_name(_as_given(roots[0].path)) if len(roots) == 1 else f"the {len(roots)} places named"
    notes = "; ".join(left_out.notes())
    return f"nothing to read in {where}: {notes or 'it holds no files'}"


def _standard_input(stdin: BinaryIO | None) -> BinaryIO:
    if stdin is not None:
        return stdin
    stream = sys.stdin
    if isinstance(stream, io.TextIOWrapper) and not stream.closed:
        buffer: BinaryIO = stream.buffer
        return buffer
    raise ConfigError("- was named, but this process has no standard input: name a file instead")
