r"""From bytes to text: byte order marks, UTF-8, what the file itself declares, and a last resort.

The text comes with line ends as `\n` and without a byte order mark. Encodings: Unicode 16.0 section 23.8
(byte order marks), PEP 263, XML 1.0 appendix F and the HTML standard (declarations); the last resort is
the HTML standard's windows-1252, which gives every byte a character.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

HEAD = 8192
"""Bytes that decide whether something is binary, as in git."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MARKS = tuple(mark for mark, _ in _MARKS)
_DECLARED = re.compile(rb"""(?:charset|coding)\s*[=:]\s*["']?([A-Za-z0-9_-]{3,20})""")
# The codecs registry also holds transports and compressions; only these are encodings of files.
_KNOWN = re.compile(
    r"windows-?125\d|cp125\d|iso-?8859-?\d{1,2}|latin-?[19]|koi8-[ru]|gb(k|2312|18030)|big5(hkscs)?"
    r"|euc[-_](jp|kr)|shift[-_]jis|sjis|cp932|cp949|iso-2022-jp|mac-?roman"
)
_WHITE = b"\t\n\r\f\x08\x1b"
_CONTROLS = bytes(set(range(32)) - set(_WHITE))
_CONTROL_SHARE = 50
"""One control character in so many bytes makes undecodable bytes binary."""


class Undecodable(Exception):
    """The bytes are no text."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, and a line about it where the encoding was guessed or bytes were replaced."""

    text: str
    note: str = ""


def decode(chunks: Callable[[], Iterator[bytes]]) -> Decoded:
    """The text of the bytes that each call of `chunks` gives anew; raises Undecodable for binary data."""
    head = _beginning(chunks())
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return Decoded(_marked(chunks, encoding))
    if b"\0" in head:
        raise Undecodable("NUL bytes")
    try:
        return Decoded(_joined(chunks, "utf-8"))
    except UnicodeDecodeError:
        return _declared(chunks, head) or _damaged(chunks) or _western(chunks, head)


def _beginning(chunks: Iterator[bytes]) -> bytes:
    head = b""
    for piece in chunks:
        head += piece[:HEAD]
        if len(head) >= HEAD:
            break
    return head[:HEAD]


def _marked(chunks: Callable[[], Iterator[bytes]], encoding: str) -> str:
    strict = encoding != "utf-8-sig"
    try:
        return _joined(chunks, encoding, "strict" if strict else "replace")
    except UnicodeDecodeError:  # compressed audio may begin like UTF-16
        raise Undecodable(f"begins like {encoding.upper()} and is not") from None


def _declared(chunks: Callable[[], Iterator[bytes]], head: bytes) -> Decoded | None:
    match = _DECLARED.search(head[:2048])
    encoding = match[1].decode("ascii").lower() if match else ""
    if not _KNOWN.fullmatch(encoding):
        return None
    try:
        return Decoded(_joined(chunks, encoding))
    except (UnicodeDecodeError, LookupError):  # a wrong declaration; LookupError: a number no encoding has
        return None


def _damaged(chunks: Callable[[], Iterator[bytes]]) -> Decoded | None:
    """UTF-8 with some broken places, told from other encodings by the sound characters outnumbering them."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    bad = beyond = 0
    for piece in chunks():
        text = decoder.decode(piece)
        bad += text.count("\ufffd")
        beyond += len(text) - len(text.encode("ascii", "ignore"))
    bad += len(decoder.decode(b"", final=True))
    if beyond <= 2 * bad:
        return None
    return Decoded(_joined(chunks, "utf-8", "replace"), f"{bad:,} invalid places in its UTF-8 were replaced by U+FFFD")


def _western(chunks: Callable[[], Iterator[bytes]], head: bytes) -> Decoded:
    if len(head) - len(head.translate(None, _CONTROLS)) > len(head) // _CONTROL_SHARE:
        raise Undecodable("control characters")
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    text = ""
    for piece in chunks():
        if b"\0" in piece:
            raise Undecodable("NUL bytes")
        text += newlines.decode(piece.decode("latin-1").translate(_WINDOWS_1252))
    return Decoded(
        text + newlines.decode("", final=True), "not UTF-8: read as Windows-1252 (convert it if that is wrong)"
    )


def _joined(chunks: Callable[[], Iterator[bytes]], encoding: str, errors: str = "strict") -> str:
    newlines = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(errors), translate=True)
    text = ""
    for piece in chunks():
        text += newlines.decode(piece)  # grows in place in CPython: a list and a join would need twice the memory
    return text + newlines.decode(b"", final=True)


def _windows_1252() -> dict[int, str]:
    decoded = {byte: bytes([byte]).decode("cp1252", "ignore") for byte in range(0x80, 0xA0)}
    return {byte: character for byte, character in decoded.items() if character}


_WINDOWS_1252 = _windows_1252()
