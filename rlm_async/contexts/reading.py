"""One file to one text: what kind it is, and the reader for that kind."""

from __future__ import annotations

import io
import os
import select
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rlm_async.contexts.decoding import HEAD, Undecodable, decode
from rlm_async.contexts.intake import Intake, Unreadable
from rlm_async.contexts.kinds import kind_of, remedy
from rlm_async.contexts.pdf import pdf_text
from rlm_async.contexts.sources import unreadable
from rlm_async.contexts.webpage import page_text
from rlm_async.contexts.word import word_text

_PIECE = 1 << 16
_PATIENCE = 0.1
"""Seconds to wait for a pipe before looking whether the load was given up."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The text of one file, and a line for the person where it is not the file's whole and exact text."""

    text: str
    note: str = ""


def read_file(path: Path, name: str, intake: Intake) -> Reading:
    """The text of a regular file; raises Unreadable with `name` in its message, ConfigError beyond a limit."""
    try:
        with path.open("rb", buffering=0) as source:
            return read(source, name, intake, size=os.fstat(source.fileno()).st_size)
    except OSError as error:
        if isinstance(error, InterruptedError):
            raise
        raise unreadable(name, error) from error


def read_stdin(source: BinaryIO, name: str, intake: Intake) -> Reading:
    """The text of a stream that can be read once; returns at its end."""
    buffer = io.BytesIO()
    while piece := _next_piece(source, intake):
        intake.take(len(piece), name)
        buffer.write(piece)
    return read(buffer, name, intake, size=0)


def read(source: BinaryIO, name: str, intake: Intake, *, size: int) -> Reading:
    """The text of seekable bytes; `size` of them are charged once they prove to be of a readable kind."""
    source.seek(0)
    head = source.read(HEAD)
    if not head:
        raise Unreadable(f"{name} is empty", "empty")
    kind = kind_of(head, name)
    if kind == "binary":
        raise _binary(name, head)
    intake.take(size, name)
    if kind == "pdf":
        pages = pdf_text(source, name, intake)
        return Reading(pages.text, pages.note)
    reading = Reading(word_text(source, name, intake)) if kind == "zip" else _decoded(source, name, intake, head)
    text = page_text(reading.text) if kind == "html" else reading.text
    if not text or text.isspace():
        raise Unreadable(f"{name} holds no text", "no text")
    return Reading(text, reading.note)


def _decoded(source: BinaryIO, name: str, intake: Intake, head: bytes) -> Reading:
    try:
        decoded = decode(lambda: intake.chunks(source))
    except Undecodable:
        raise _binary(name, head) from None
    return Reading(decoded.text, decoded.note)


def _binary(name: str, head: bytes) -> Unreadable:
    what, fix = remedy(head)
    return Unreadable(f"{name} is {what}: {fix}", "binary")


def _next_piece(source: BinaryIO, intake: Intake) -> bytes:
    """Some bytes, or none at the end; on a pipe that stays silent, in a way that can be given up."""
    intake.check()
    try:
        descriptor = source.fileno() if os.name == "posix" else None
    except (OSError, AttributeError):  # a buffer in memory
        descriptor = None
    while descriptor is not None and not select.select([descriptor], [], [], _PATIENCE)[0]:
        intake.check()
    read_some = getattr(source, "read1", source.read)
    piece: bytes = read_some(_PIECE)
    return piece
