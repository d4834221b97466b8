"""Which kind of file some bytes are, and what to do about the kinds that hold no text to read."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final, Literal

from rlm_async.contexts.decoding import MARKS

Kind = Literal["text", "html", "pdf", "zip", "binary"]

_UNPACK = "unpack it and name what it holds"
_OCR = "turn it into text first (OCR)"
_MEDIA = "turn it into text first (a transcript)"

SIGNATURES: Final = (
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", _OCR),
    (b"\xff\xd8\xff", "a JPEG image", _OCR),
    (b"GIF8", "a GIF image", _OCR),
    (b"II*\x00", "a TIFF image", _OCR),
    (b"MM\x00*", "a TIFF image", _OCR),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file", "save it as .docx, .csv or .pdf"),
    (b"SQLite format 3\x00", "an SQLite database", "dump its tables to CSV"),
    (b"PAR1", "a Parquet file", "convert it to CSV or JSON Lines"),
    (b"\x7fELF", "a program", "name its sources"),
    (b"\xca\xfe\xba\xbe", "a program", "name its sources"),
    (b"\x00asm", "a program", "name its sources"),
    (b"OggS", "a sound file", _MEDIA),
    (b"ID3", "a sound file", _MEDIA),
)
"""First bytes, what has them, and the way from there to text."""

UNKNOWN: Final = ("a binary file", "convert it to text (UTF-8), or leave it out")

ZIPPED: Final = {
    ".xlsx": ("an Excel workbook", "save its sheets as CSV"),
    ".xlsm": ("an Excel workbook", "save its sheets as CSV"),
    ".pptx": ("a PowerPoint file", "save it as PDF"),
    ".odt": ("an OpenDocument text", "save it as .docx or PDF"),
    ".ods": ("an OpenDocument sheet", "save it as CSV"),
    ".epub": ("an e-book", "convert it to HTML or text"),
}
ARCHIVE: Final = ("a ZIP archive", _UNPACK)

_HTML = frozenset({".html", ".htm", ".xhtml"})
_TEMPLATE = re.compile(rb"\{\{|\{%|<%|<\?php|<\?=")
_PDF_WITHIN = 1024
"""A PDF's header may come so late (ISO 32000-1, annex H)."""


def kind_of(head: bytes, name: str) -> Kind:
    """What the first bytes and the name say; `text` still has to prove itself in decoding."""
    if head.startswith(b"%PDF-") or _late_pdf(head, name):
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if b"\0" in head and not head.startswith(MARKS):
        return "binary"
    if any(head.startswith(signature) and _beyond_text(head) for signature, *_ in SIGNATURES):
        return "binary"
    return "html" if _is_page(head, name) else "text"


def remedy(head: bytes) -> tuple[str, str]:
    """What a binary file is, and what to do about it."""
    return next(((what, fix) for signature, what, fix in SIGNATURES if head.startswith(signature)), UNKNOWN)


def _late_pdf(head: bytes, name: str) -> bool:
    return PurePath(name).suffix.lower() == ".pdf" and b"%PDF-" in head[:_PDF_WITHIN]


def _beyond_text(head: bytes) -> bool:
    """Some signatures are also the first letters of texts."""
    return b"\0" in head or not head.isascii()


def _is_page(head: bytes, name: str) -> bool:
    """HTML to be read by people; templates are source code, and stay as they are."""
    suffix = PurePath(name).suffix.lower()
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    named = suffix in _HTML or (not suffix and start.startswith((b"<!doctype html", b"<html")))
    return named and not _TEMPLATE.search(head)
