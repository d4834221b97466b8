"""Values to bytes and back: MessagePack (https://msgpack.org), never a format that runs code when it is read.

A dataclass becomes a map of its fields, so that a field that a later version adds does not hurt: unknown
ones are passed over, missing ones get their default. Long texts and contexts are not written in place but
named by their digest, and kept once however often they occur.
"""

from __future__ import annotations

import dataclasses
import hashlib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from rlm_async.core.context import EMPTY, Context, Document
from rlm_async.core.events import Event
from rlm_async.core.usage import Limits, Usage

LONG = 256
"""Texts of more characters are kept apart."""

_TEXT, _CONTEXT, _ODD, _NUMBER, _PAIRS = range(1, 6)
"""Extension types: a text by digest, a context by digest, a text that is no UTF-8, a large whole number, odd keys."""

_AS_IS = frozenset({type(None), bool, float})
_PLAIN = frozenset({type(None), bool, int, float, str})
_HUGE = 2**63
"""Whole numbers from here on are no MessagePack integers."""

T = TypeVar("T")
Wire = Any  # what msgspec packs: the one place where the shape of data is not known

KINDS: Mapping[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}
LOST = "(not kept)"
"""Stands for a text that is not in the journal."""


@dataclasses.dataclass(slots=True)
class Parts:
    """What was left out of the packed values: texts and contexts by digest, to be kept beside them."""

    texts: dict[bytes, str] = dataclasses.field(default_factory=dict)
    contexts: dict[bytes, Context] = dataclasses.field(default_factory=dict)


NOTHING = Parts()
"""Where nothing was left out; it stays empty."""
_encode = msgspec.msgpack.Encoder().encode


class Packer:
    """Packs values, and collects what they leave out in `parts`."""

    def __init__(self, *, contexts: bool = True) -> None:
        """Leave the texts of contexts out where `contexts` is not set."""
        self.parts = Parts()
        self._contexts = contexts

    def pack(self, value: object) -> bytes:
        """The bytes of a dataclass or of plain data."""
        if _flat(typing.cast("type", type(value))):
            try:
                body = _encode(value)
            except (TypeError, ValueError, OverflowError):  # a lone surrogate, a huge number: the long way knows them
                return _encode(self._wire(value))
            if len(body) <= LONG:  # so no text in it is longer; most events are such
                return body
        return _encode(self._wire(value))

    def taken(self) -> Parts:
        """The parts of what was packed since the last time."""
        parts = self.parts
        if not parts.texts and not parts.contexts:
            return NOTHING
        self.parts = Parts()
        return parts

    def text(self, text: str) -> bytes:
        """Keep a text apart; returns its digest."""
        digest = text_digest(text)
        self.parts.texts[digest] = text
        return digest

    def _wire(self, value: object) -> Wire:
        """Plain data of a value. Written for speed: it is most of what a journal costs."""
        kind = type(value)
        if kind in _AS_IS or (kind is int and -_HUGE < value < _HUGE):  # type: ignore[operator]  # it is an int there
            return value
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]  # its type was looked at
        names = _names(typing.cast("type", kind))
        if names is not None:
            return {name: self._wire(getattr(value, name)) for name in names}
        return self._other(value)

    def _other(self, value: object) -> Wire:
        if isinstance(value, Context):
            return self._context(value)
        if isinstance(value, str):
            return self._text(str(value.value) if isinstance(value, Enum) else str(value))
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return [self._wire(item) for item in value]
        if isinstance(value, int):
            return msgspec.msgpack.Ext(_NUMBER, hex(value).encode())
        return value

    def _text(self, text: str) -> Wire:
        if len(text) > LONG:
            return msgspec.msgpack.Ext(_TEXT, self.text(text))
        return text if _plain(text) else msgspec.msgpack.Ext(_ODD, _raw(text))

    def _context(self, context: Context) -> Wire:
        digest = bytes.fromhex(context.digest)
        if self._contexts:
            self.parts.contexts[digest] = context
        notes = [self._wire(note) for note in context.notes]
        return msgspec.msgpack.Ext(_CONTEXT, digest + msgspec.msgpack.encode(notes))

    def _mapping(self, value: Mapping[object, object]) -> Wire:
        pairs = [(key, self._wire(item)) for key, item in value.items()]
        if all(isinstance(key, str) and len(key) <= LONG and _plain(key) for key, _ in pairs):
            return dict(pairs)
        packed = msgspec.msgpack.encode([[self._wire(key), item] for key, item in pairs])
        return msgspec.msgpack.Ext(_PAIRS, packed)


class Unpacker:
    """Unpacks what a Packer has packed. `text` and `context` find what was kept apart, by digest."""

    def __init__(self, text: Callable[[bytes], str], context: Callable[[bytes], Context]) -> None:
        """Look things up with `text` and `context`."""
        self._find_text = text
        self._find_context = context
        self._decoder = msgspec.msgpack.Decoder(ext_hook=self._extension)

    def unpack(self, body: bytes, kind: type[T]) -> T:
        """The dataclass of that kind."""
        return remade(kind, self._decoder.decode(body))

    def data(self, body: bytes) -> Wire:
        """Plain data."""
        return self._decoder.decode(body)

    def _extension(self, code: int, raw: memoryview) -> object:
        body = bytes(raw)
        if code == _TEXT:
            return self._find_text(body)
        if code == _CONTEXT:
            context = self._find_context(body[:16])
            notes = self._decoder.decode(body[16:])
            return dataclasses.replace(context, notes=tuple(notes)) if notes else context
        if code == _ODD:
            return body.decode("utf-8", "surrogatepass")
        if code == _NUMBER:
            return int(body, 16)
        return dict(self._decoder.decode(body))


def pack_context(context: Context, packer: Packer) -> bytes:
    """The documents of a context by name and digest; their texts go to the packer's parts."""
    return msgspec.msgpack.encode([[_raw(document.name), packer.text(document.text)] for document in context])


def unpack_context(shape: str, body: bytes, text: Callable[[bytes], str]) -> Context:
    """The context that `pack_context` has packed."""
    pairs = msgspec.msgpack.decode(body, type=list[tuple[bytes, bytes]])
    documents = (Document(name.decode("utf-8", "surrogatepass"), text(digest)) for name, digest in pairs)
    return Context(tuple(documents), typing.cast("typing.Any", shape))


def text_digest(text: str) -> bytes:
    """BLAKE2b-128 of a text."""
    return hashlib.blake2b(_raw(text), digest_size=16).digest()


def wordless(event: Event) -> Event:
    """The same event without a word of what was asked, said or run: what is written where content is off."""
    changes = {field.name: _blank(field.name, getattr(event, field.name)) for field in dataclasses.fields(event)}
    return dataclasses.replace(event, **changes)  # type: ignore[arg-type]  # each field by its own type


_NAMES = frozenset(
    {
        "run",
        "model",
        "strategy",
        "profile",
        "scope",
        "resource",
        "state",
        "status",
        "outcome",
        "kind",
        "layers",
        "grant",
    }
)
"""Fields of text that hold our own words. What is not in this list is left out, so a new field is safe."""


def _blank(name: str, value: object) -> object:
    if name in _NAMES or value is None or isinstance(value, bool | int | float | Usage | Limits):
        return value
    if isinstance(value, str):
        return value.partition(":")[0] if name == "error" else ""  # an error's class; its text may quote
    if isinstance(value, Context):
        return EMPTY
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return type(value)(**{field.name: _blank(field.name, getattr(value, field.name)) for field in fields})
    return type(value)() if isinstance(value, tuple | list | dict) else None


def _plain(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@cache
def _names(kind: type) -> tuple[str, ...] | None:
    """The fields of a dataclass that is packed by its fields; None for any other type."""
    if not dataclasses.is_dataclass(kind) or kind is Context:
        return None
    return tuple(field.name for field in dataclasses.fields(kind))


@cache
def _flat(kind: type) -> bool:
    """Whether values of a dataclass hold numbers, texts and tuples of such only: no context, no mapping."""
    if _names(kind) is None:
        return False
    hints = get_type_hints(kind)
    return all(_simple(hints[field.name]) for field in dataclasses.fields(kind))


def _simple(hint: object) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is typing.Literal:
        return True
    if origin in {typing.Union, types.UnionType, tuple}:
        return all(kind is Ellipsis or _simple(kind) for kind in inner)
    if not isinstance(hint, type):
        return False
    return hint in _PLAIN or issubclass(hint, Enum) or _flat(typing.cast("type", hint))


@cache
def _readers(kind: type) -> Mapping[str, Callable[[Wire], object]]:
    hints = get_type_hints(kind)
    return {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind)}


def remade(kind: type[T], wire: Wire) -> T:
    """The dataclass of that kind, of the plain data that it was packed as."""
    readers = _readers(typing.cast("type", kind))
    return kind(**{name: readers[name](value) for name, value in wire.items() if name in readers})


def _reader(hint: object) -> Callable[[Wire], object]:  # noqa: PLR0911 - one line a kind of type
    """What turns plain data into a value of type `hint`; what it does not know stays as it is."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return lambda wire: wire if isinstance(wire, hint) else remade(hint, wire)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if origin in {typing.Union, types.UnionType}:
        kinds = [kind for kind in inner if kind is not type(None)]
        if len(kinds) > 1:
            return _same
        read = _reader(kinds[0])
        return lambda wire: None if wire is None else read(wire)
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:  # noqa: PLR2004 - tuple[X, ...]
        read = _reader(inner[0])
        return lambda wire: tuple(read(item) for item in wire)
    if origin is tuple:
        reads = [_reader(kind) for kind in inner]
        return lambda wire: tuple(read(item) for read, item in zip(reads, wire, strict=True))
    return _same


def _same(wire: Wire) -> object:
    return wire
