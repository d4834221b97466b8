"""The wire to a worker: a message of it encoded, framed, cut apart again and checked."""

from __future__ import annotations

from benchmarks.micro.cases import Case
from rlm_async.sandbox import wire

MESSAGES = 500


def passed(size: int):
    message = wire.Query(id=1, kind="llm", prompt="x" * size)

    def work() -> None:
        frames = wire.Frames(1 << 24)
        for _ in range(MESSAGES):
            (raw,) = frames.feed(wire.frame(message))
            assert wire.decode_upward(raw) == message

    return work


CASES = (
    Case("wire: a sub-query of 200 characters, there and checked", passed(200), MESSAGES),
    Case("wire: a sub-query of 50,000 characters, there and checked", passed(50_000), MESSAGES, tolerance=2.0),
)
