"""Methods of text and bytes that can blow up, with a look at the size first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from rlm_async.sandbox.handles import Handle, deep_touch, touch
from rlm_async.sandbox.policy.sizes import check_text, check_width
from rlm_async.sandbox.policy.surfaces import Function

Text = str | bytes | bytearray

ENCODINGS = frozenset(
    """utf8 utf16 utf16le utf16be utf32 utf32le utf32be utf8sig ascii usascii latin1 iso88591 iso885915 cp1252
    windows1252 cp437 cp850 cp1250 cp1251 macroman unicodeescape rawunicodeescape punycode idna gbk gb18030 big5
    shiftjis eucjp euckr koi8r utf7""".split(),  # noqa: SIM905  # a table of names reads best as words
)
_ERRORS = frozenset({
    "strict", "ignore", "replace", "backslashreplace", "xmlcharrefreplace", "namereplace", "surrogateescape",
})  # fmt: skip


def _padded(kind: type, name: str) -> Function:
    plain = getattr(kind, name)

    def pad(text: object, width: object = 8, *rest: object) -> object:
        check_width(width)
        return plain(text, width, *rest)

    return pad


def _tabs(kind: type) -> Function:
    plain = kind.expandtabs  # type: ignore[attr-defined]

    def expandtabs(text: Text, tabsize: int = 8) -> object:
        check_text(len(text) + (text.count("\t" if isinstance(text, str) else b"\t") * tabsize))  # type: ignore[arg-type]
        return plain(text, tabsize)

    return expandtabs


def _replacing(kind: type) -> Function:
    plain = kind.replace  # type: ignore[attr-defined]

    def replace(text: Text, old: Text, new: Text, count: int = -1) -> object:
        if type(new) is kind and len(text) * len(new) <= _WATCHED:
            return plain(text, old, new, count)
        if isinstance(new, kind) and len(new) > 1 and len(text) * len(new) > _WATCHED:
            times = text.count(old)  # type: ignore[arg-type]  # its own TypeError
            check_text(len(text) + (times if count < 0 else min(times, count)) * len(new))
        return plain(text, old, new, count)

    return replace


_WATCHED = 10_000_000
"""Sizes below this are not looked at more closely."""


def _joining(kind: type) -> Function:
    plain = kind.join  # type: ignore[attr-defined]

    def join(separator: Text, items: Iterable[Text]) -> object:
        if type(items) is not list:
            items = items if isinstance(items, list | tuple) else list(items)
        if len(separator) * len(items) > _WATCHED and len(separator) > 1:
            check_text(len(separator) * len(items))
        # an iterator may have made lazy values only now
        return plain(separator, deep_touch(items) if Handle.live else items)

    return join


def translate(text: str, table: object) -> object:
    """`str.translate`, with the longest replacement in mind."""
    if isinstance(table, dict):
        longest = max((len(value) for value in table.values() if isinstance(value, str)), default=1)
        check_text(len(text) * longest if longest > 1 else 0)
    return text.translate(table)  # type: ignore[arg-type]  # its own TypeError


def check_codec(encoding: object, errors: object) -> None:
    """Refuse codecs that are not text encodings we have loaded: looking one up imports a module."""
    if isinstance(encoding, str) and "".join(filter(str.isalnum, encoding.lower())) not in ENCODINGS:
        raise LookupError(f"unknown encoding: {encoding[:40]}")
    if isinstance(errors, str) and errors not in _ERRORS:
        raise LookupError(f"unknown error handler name {errors[:40]!r}")


def encode(text: str, encoding: str = "utf-8", errors: str = "strict") -> bytes:
    """`str.encode`, by the codecs on the list."""
    check_codec(encoding, errors)
    return text.encode(encoding, errors)


def _decoding(kind: type) -> Function:
    plain = kind.decode  # type: ignore[attr-defined]

    def decode(data: Text, encoding: str = "utf-8", errors: str = "strict") -> object:
        check_codec(encoding, errors)
        return plain(data, encoding, errors)

    return decode


def truncate_or_seek(kind: type, name: str) -> Function:
    """`seek` and `truncate` of a file in memory: a write past the end fills the gap."""
    plain = getattr(kind, name)

    def move(file: object, position: object = None, *rest: object) -> object:
        position = touch(position)
        check_text(position if isinstance(position, int) else 0)
        return plain(file) if position is None else plain(file, position, *rest)

    return move


def _of(kind: type) -> dict[tuple[type, str], Function]:
    table = {(kind, name): _padded(kind, name) for name in ("ljust", "rjust", "center", "zfill")}
    table[kind, "expandtabs"] = _tabs(kind)
    table[kind, "replace"] = _replacing(kind)
    table[kind, "join"] = _joining(kind)
    return table


REPLACED: Mapping[tuple[type, str], Function] = MappingProxyType({
    **_of(str), **_of(bytes), **_of(bytearray),
    (str, "translate"): translate,
    (str, "encode"): encode,
    (bytes, "decode"): _decoding(bytes),
    (bytearray, "decode"): _decoding(bytearray),
})  # fmt: skip
"""Type and method -> what is called instead."""
