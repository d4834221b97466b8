"""Whatever a worker writes is either a message of ours or a violation, and a violation ends the worker."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_async.errors import SandboxCrashed
from rlm_async.sandbox import wire
from tests.sandbox.wall.conftest import opened

MOST = 1 << 20
pack = msgspec.msgpack.encode


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def read(data: bytes) -> list[wire.Upward]:
    """As the host reads: frames, then messages; what is left over at the end is a violation too."""
    frames = wire.Frames(MOST)
    messages = [wire.decode_upward(body) for body in frames.feed(data)]
    if frames.partial:
        raise wire.Violation("truncated")
    return messages


QUERY = {"op": "query", "id": 1, "kind": "llm", "prompt": "a"}
HOSTILE = {
    "PR01": (2**31 - 1).to_bytes(4, "big") + b"x",
    "PR02": (10).to_bytes(4, "big") + b"abc",
    "PR04": framed(b"\x91" * 100_000),
    "PR07": framed(pack({**QUERY, "price": 0})),
    "PR08": framed(pack({"op": "tool", "id": 1, "name": "f", "arguments": [math.nan]})),
    "PR12": framed(pack(QUERY)) * 2,
    "PR13": framed(pack({"op": "reply", "id": 1, "value": "x"})),
}
"""The corpus's protocol cases: the same intent in our format. PR12, a ticket used twice, is seen by the cell."""
MORE = {
    "empty frame": b"\0\0\0\0",
    "no map": framed(pack([1, 2])),
    "unknown op": framed(pack({"op": "exec", "code": "1"})),
    "no op": framed(pack({"id": 1})),
    "host's run": framed(pack({"op": "run", "code": "1"})),
    "text for a number": framed(pack({**QUERY, "id": "1"})),
    "bytes for text": framed(pack({**QUERY, "prompt": b"a"})),
    "kind": framed(pack({**QUERY, "kind": "shell"})),
    "negative sample": framed(pack({**QUERY, "sample": -1})),
    "infinite grant": framed(pack({**QUERY, "grant": {"usd": math.inf}})),
    "nested context": framed(pack({**QUERY, "context": {"a": {"b": "c"}}})),
    "surrogate": framed(pack(QUERY).replace(b"\xa1a", b"\xa3\xed\xa0\x80")),
    "broken text": framed(pack(QUERY).replace(b"\xa1a", b"\xa1\xff")),
    "two messages in a frame": framed(pack(QUERY) * 2),
    "deep answer": framed(pack({"op": "result", "cell": 1, "answer": {"value": json.loads("[" * 60 + "]" * 60)}})),
    "number as key": framed(pack({"op": "tool", "id": 1, "name": "f", "named": {1: 2}})),
    "number as key, deep": framed(pack({"op": "tool", "id": 1, "name": "f", "arguments": [{1: 2}]})),
    "date": framed(b"\x84\xa2op\xa4tool\xa2id\x01\xa4name\xa1f\xa9arguments\x91\xd6\xff\0\0\0\0"),
    "extension": framed(b"\x84\xa2op\xa4tool\xa2id\x01\xa4name\xa1f\xa9arguments\x91\xd4\x05\0"),
    "bytes": framed(pack({"op": "tool", "id": 1, "name": "f", "arguments": [b"x"]})),
    "killed by its own word": framed(pack({"op": "result", "cell": 1, "outcome": "killed"})),
    "array bomb": framed(b"\x84\xa2op\xa4tool\xa2id\x01\xa4name\xa1f\xa9arguments\xdd\xff\xff\xff\xff"),
    "huge count": framed(pack({"op": "result", "cell": 1, "stdout_characters": 2**63 - 1})),
}


@pytest.mark.parametrize("name", [name for name in {**HOSTILE, **MORE} if name != "PR12"])
def test_a_hostile_frame_is_a_violation(name):
    with pytest.raises(wire.Violation):
        read({**HOSTILE, **MORE}[name])


def test_every_protocol_case_of_the_corpus_has_its_frame(shared):
    lines = (shared / "attacks" / "attacks.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]
    assert sorted(HOSTILE) == sorted(case["id"] for case in cases if case.get("layer") == "protocol")


@pytest.mark.anyio
@pytest.mark.parametrize("name", [*HOSTILE, "surrogate", "host's run", "text for a number", "extension"])
async def test_a_worker_that_sends_it_is_ended(name):
    frame = {**HOSTILE, **MORE}[name]
    async with opened() as sandbox:
        with pytest.raises(SandboxCrashed, match="broke the protocol"):
            # Two bytes of length are not enough to be wrong: the frame that never ends is followed by another.
            await sandbox.run(f"import os\nos.write(3, {frame!r} + {HOSTILE['PR13']!r})\nimport time\ntime.sleep(100)")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "message",
    [
        wire.Hello(layers=["seccomp"]),
        wire.Ready(),
        wire.Names(names={}),
        wire.Awake(cells=0),
        wire.Result(cell=1),
        wire.Left(id=0),
    ],
)
async def test_a_message_out_of_turn_never_passes(message):
    async with opened() as sandbox:
        with pytest.raises(SandboxCrashed):
            await said(sandbox, message)


async def said(sandbox, message):
    """Have the worker send a message twice; what passes in one cell shows in the next."""
    for _ in range(2):
        await sandbox.run(f"import os\nos.write(3, {wire.frame(message)!r})")
    await sandbox.variables()


def test_messages_cut_anywhere_are_put_together_again():
    messages = [wire.Query(id=1, kind="llm", prompt="\u4e2d"), wire.Left(id=2), wire.Result(cell=1, stdout="x" * 1000)]
    data = b"".join(map(wire.frame, messages))
    for step in (1, 2, 3, 7, 1000, len(data)):
        frames = wire.Frames(MOST)
        found = [body for start in range(0, len(data), step) for body in frames.feed(data[start : start + step])]
        assert [wire.decode_upward(body) for body in found] == messages
        assert not frames.partial


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_violation(data):
    try:
        wire.decode_upward(data)
    except wire.Violation as violation:
        assert str(violation)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=12,
)
FIELDS = sorted({field for kind in wire.Upward.__args__ for field in kind.__struct_fields__} | {"op", "x"})
OPS = [
    "hello",
    "ready",
    "awake",
    "query",
    "tool",
    "budget",
    "cancel",
    "result",
    "names",
    "run",
    "open",
    "reply",
    "list",
]


@given(st.sampled_from(OPS), st.dictionaries(st.sampled_from(FIELDS), values, max_size=6))
def test_any_map_is_plain_data_of_ours_or_a_violation(op, fields):
    try:
        message = wire.decode_upward(pack({**fields, "op": op}))
    except wire.Violation:
        return
    assert isinstance(message, wire.Upward)
    wire.decode_upward(wire.frame(message)[4:])  # what passed once is plain data: it passes again


@given(values)
def test_what_passes_as_data_is_json(value):
    try:
        wire.vet(value, "a value")
    except wire.Violation:
        return
    json.dumps(value, allow_nan=False)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.integers(1, 20))
def test_frames_come_out_as_they_went_in(bodies, step):
    frames = wire.Frames(64)
    data = b"".join(map(framed, bodies))
    assert [body for i in range(0, len(data), step) for body in frames.feed(data[i : i + step])] == bodies
