"""The language between host and worker: framed msgpack, decoded into a closed set of messages.

Everything a worker sends is read as if an attacker had written it: unknown messages and fields, wrong
types, broken UTF-8, lone surrogates, NaN, deep nesting and long frames are a `Violation`, and a violation
ends the worker. Format: 4 bytes of length, big-endian, then msgpack (https://msgpack.org).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

DEPTH = 32
"""How deep data of a worker may be nested."""
ITEMS = 1_000_000
"""How many values one message may hold."""
_HEAD = 4

PlainContext = None | str | list[str] | dict[str, str]


class Violation(Exception):
    """A worker said what no worker of ours says. Its text names the rule, never the content."""


class Message(msgspec.Struct, forbid_unknown_fields=True, tag_field="op", kw_only=True):
    """Base of all messages; the subclass's name in lower case is its `op`."""


class Hello(Message, tag="hello"):
    """A worker is jailed and waits: its layers, or the problem that keeps it from starting."""

    layers: list[str]
    problem: str = ""


class Ready(Message, tag="ready"):
    """The context has arrived."""


class Query(Message, tag="query"):
    """One sub-query; fields as `core.query.SubQuery`. `slice` is (document, start, end) of the own context."""

    id: int
    kind: Literal["llm", "rlm"]
    prompt: str
    context: PlainContext = None
    slice: tuple[int, int, int] | None = None
    model: str | None = None
    schema: str | None = None
    sample: int = 0
    cached: bool = True
    grant: dict[str, float] = {}


class Hint(Query, tag="hint"):
    """A sub-query that may come: found by a copy of the worker that runs ahead of the code. Asks for nothing."""

    sure: bool = False
    """Whether the code was not seen to have a way out of its loop before."""


class Tool(Message, tag="tool"):
    """Call a function that the caller lends."""

    id: int
    name: str
    arguments: list[Any] = []
    named: dict[str, Any] = {}


class Left(Message, tag="budget"):
    """Ask what is left of the budget."""

    id: int


class Cancel(Message, tag="cancel"):
    """Nobody waits for this reply any more."""

    id: int


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """An error of the cell's code."""

    type: str
    message: str
    line: int = 0
    source: str = ""


class Given(msgspec.Struct, forbid_unknown_fields=True):
    """A value that code gave as its answer; wrapped, because None is a value too."""

    value: Any


class Awake(Message, tag="awake"):
    """A check-point has been woken: so many cells have run in it."""

    cells: int


class Result(Message, tag="result"):
    """The end of the cell with this number."""

    cell: int
    stdout: str = ""
    stdout_characters: int = 0
    error: Fault | None = None
    outcome: Literal["ok", "error", "refused", "contained"] = "ok"
    answer: Given | None = None
    draft: Given | None = None
    cpu_seconds: float = 0.0
    exhausted: bool = False
    """The cell ended for want of memory, and what it left behind fills the room."""
    stopped: bool = False
    """The cell was ended by the host's polite stop."""
    kept: int = 0
    """Cells contained in the check-point that stands."""
    parked: bool = False
    """Whether one stands, or will before the next cell runs; without one the session can be begun anew."""


class Names(Message, tag="names"):
    """The variables of a session, each with its clipped repr."""

    names: dict[str, str]


Upward = Hello | Ready | Awake | Query | Hint | Tool | Left | Cancel | Result | Names


class Open(Message, tag="open"):
    """Start a session: limits, tools, and the shape and size of the context that follows."""

    memory_bytes: int
    context_bytes: int
    output_characters: int
    source_characters: int
    answer_bytes: int
    message_bytes: int
    window: int
    lazy: bool
    tools: dict[str, str]
    shape: Literal["text", "list", "dict"]
    documents: int
    seed: int = 0
    """Of chance: a session that is begun anew sees the same."""
    run_ahead: bool = False


class Batch(Message, tag="batch"):
    """Some documents, whose bytes follow right behind: name, characters and storage width code of each."""

    documents: list[tuple[str, int, int]]


class Run(Message, tag="run"):
    """Run one cell; `cell` is its number, which the result must name."""

    code: str
    cell: int


class Replay(Message, tag="replay"):
    """Run cells once more without a word, to bring a check-point up to date."""

    cells: list[str]


class Reply(Message, tag="reply"):
    """The answer to a query or a tool call."""

    id: int
    value: Any = None
    error: str | None = None
    message: str = ""
    status: str = "complete"


class Amounts(Message, tag="amounts"):
    """The answer to `budget`."""

    id: int
    amounts: dict[str, float | None]


class Foreseen(Message, tag="foreseen"):
    """What the query of a hint would be answered with: for copies that run ahead, never for the code itself."""

    id: int
    value: Any = None


class List(Message, tag="list"):
    """Ask for the names of the variables."""


Downward = Open | Batch | Run | Replay | Reply | Foreseen | Amounts | List

_encoder = msgspec.msgpack.Encoder()
_upward: msgspec.msgpack.Decoder[Upward] = msgspec.msgpack.Decoder(Upward)
_downward: msgspec.msgpack.Decoder[Downward] = msgspec.msgpack.Decoder(Downward)


def frame(message: Message) -> bytes:
    """A message as it travels. Raises ValueError, OverflowError or TypeError for data that cannot."""
    body = _encoder.encode(message)
    return len(body).to_bytes(_HEAD, "big") + body


def decode_upward(body: bytes | bytearray | memoryview) -> Upward:
    """A worker's message, checked; raises Violation."""
    try:
        message = _upward.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, OverflowError) as error:
        raise Violation(f"malformed message ({type(error).__name__})") from None
    _check(message)
    return message


def decode_downward(body: bytes | bytearray | memoryview) -> Downward:
    """A message of the host, as the worker reads it."""
    return _downward.decode(body)


def _check(message: Upward) -> None:
    if isinstance(message, Tool):
        vet([message.arguments, message.named], "a tool's arguments")
    elif isinstance(message, Query):
        vet(dict(message.grant), "a grant")
        if not 0 <= message.sample < 1 << 31:
            raise Violation("a sample index out of range")
    elif isinstance(message, Result):
        vet([given.value for given in (message.answer, message.draft) if given is not None], "an answer")
        if not 0 <= message.stdout_characters < 1 << 62 or not math.isfinite(message.cpu_seconds):
            raise Violation("a count out of range")


def vet(value: object, what: str) -> None:
    """Check that data holds plain values of exact types, no NaN, and is neither deep nor huge."""
    layer: list[object] = [value]
    seen = 0
    for _ in range(DEPTH + 2):
        below: list[object] = []
        for item in layer:
            _vet_one(item, below, what)
        seen += len(below)
        if seen > ITEMS:
            raise Violation(f"{what}: more than {ITEMS} values")
        if not below:
            return
        layer = below
    raise Violation(f"{what}: nested deeper than {DEPTH}")


def _vet_one(item: object, below: list[object], what: str) -> None:
    kind = type(item)
    if kind is dict and isinstance(item, dict):
        if any(type(key) is not str for key in item):
            raise Violation(f"{what}: a key that is no text")
        below.extend(item.values())
    elif kind is list and isinstance(item, list):
        below.extend(item)
    elif kind is float and isinstance(item, float):
        if not math.isfinite(item):
            raise Violation(f"{what}: a number that is not finite")
    elif item is not None and kind not in (str, int, bool):
        raise Violation(f"{what}: a {kind.__name__} is no plain data")


class Frames:
    """Cuts a stream of bytes into message bodies; raises Violation for a length beyond `most` bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies that are complete after `data`, in order."""
        self._buffer += data
        while len(self._buffer) >= _HEAD:
            size = int.from_bytes(self._buffer[:_HEAD], "big")
            if not 0 < size <= self._most:
                raise Violation(f"a frame of {size} bytes, where {self._most} is the most")
            if len(self._buffer) < _HEAD + size:
                return
            body = bytes(self._buffer[_HEAD : _HEAD + size])
            del self._buffer[: _HEAD + size]
            yield body

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._buffer)
