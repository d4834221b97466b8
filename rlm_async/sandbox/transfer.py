"""A context on its way into a worker: raw text, in the very form in which CPython will hold it.

The worker makes an empty string of the right size and width and reads the socket straight into it, so a
context costs its size once in the host and once in the worker, and nothing more on the way. Widths: PEP 393.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator

PIECE = 1 << 18
"""Characters encoded at a time: small enough that the host's loop never notices."""
_CODECS = ("ascii", "latin-1", "utf-16-le", "utf-32-le")
_UNITS = (1, 1, 2, 4)
_WIDEST = (0x7F, 0xFF, 0xFFFF, 0x10FFFF)
_BATCH = 512
_BARE_ASCII = "".__sizeof__() - 1
_BARE = "".join(map(chr, (0xE9, 0xEA))).__sizeof__() - 3
"""Of a string that is not ASCII, without its characters and the null behind them; of one made just now, because
literals may carry a UTF-8 copy of themselves."""


def width(text: str) -> int:
    """How CPython stores `text`: 0 ASCII, 1 Latin-1, 2 UCS-2, 3 UCS-4."""
    if text.isascii():
        return 0
    widest = 1
    for start in range(0, len(text), PIECE):
        piece = text[start : start + PIECE]
        if not piece.isascii():
            widest = max(widest, _unit(piece))
    return {1: 1, 2: 2, 4: 3}[widest]


def _unit(piece: str) -> int:
    """Bytes a character of a fresh slice: exact, as no UTF-8 copy of it can be cached yet."""
    return (piece.__sizeof__() - _BARE) // (len(piece) + 1)


def size(text: str, code: int) -> int:
    """Bytes of `text` in storage."""
    return len(text) * _UNITS[code]


def batches(texts: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str, int]]]:
    """Named texts with their widths, a few at a time."""
    batch: list[tuple[str, str, int]] = []
    characters = 0
    for name, text in texts:
        batch.append((name, text, width(text)))
        characters += len(text)
        if len(batch) >= _BATCH or characters > PIECE:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def pieces(batch: list[tuple[str, str, int]]) -> Iterator[bytes | memoryview]:
    """The bytes of a batch, in pieces; short texts share one, long ones are not copied.

    A view is good for as long as the batch holds its text.
    """
    joined = bytearray()
    for _, text, code in batch:
        view = _storage(text, code) if len(text) > PIECE else None
        if view is None:
            joined += _encoded(text, code)
        if joined and (view is not None or len(joined) >= PIECE):
            yield bytes(joined)
            joined.clear()
        if view is not None:
            for start in range(0, len(view), PIECE):
                yield view[start : start + PIECE]
    if joined:
        yield bytes(joined)


def _storage(text: str, code: int) -> memoryview | None:
    """The memory in which CPython holds a text; None where it is not where it should be."""
    if type(text) is not str:
        return None
    header = _BARE if code else _BARE_ASCII
    view = memoryview((ctypes.c_char * size(text, code)).from_address(id(text) + header)).cast("B")
    edge = 64 * _UNITS[code]
    sound = view[:edge] == _encoded(text[:64], code) and view[-edge:] == _encoded(text[-64:], code)
    return view if sound else None


def _encoded(text: str, code: int) -> bytes:
    return text.encode(_CODECS[code], "surrogatepass")


def receive(fd: int, characters: int, code: int) -> str:
    """The text whose bytes come next on `fd`; raises EOFError if the host goes away.

    The string is written in place: nobody else has seen it yet.
    """
    if characters == 0:
        return ""
    text = _new(characters, _WIDEST[code])
    total = characters * _UNITS[code]
    address = id(text) + text.__sizeof__() - total - _UNITS[code]
    view = memoryview((ctypes.c_char * total).from_address(address)).cast("B")
    done = 0
    while done < total:
        got = os.readv(fd, [view[done:]])
        if not got:
            raise EOFError
        done += got
    view.release()
    if characters == 1 and code <= 1:
        return chr(ord(text))  # one-character strings are shared by the interpreter
    return text


_new: Callable[[int, int], str] = ctypes.pythonapi.PyUnicode_New
_new.argtypes = (ctypes.c_ssize_t, ctypes.c_uint32)  # type: ignore[attr-defined]
_new.restype = ctypes.py_object  # type: ignore[attr-defined]
