"""Events: what it costs to write a fact down and hand it to those who listen."""

from __future__ import annotations

import time

from benchmarks.micro.cases import Case
from rlm_async.core.events import ModelReplied
from rlm_async.core.usage import Usage
from rlm_async.engine.recorder import Recorder

EVENTS = 2_000
USAGE = Usage(calls=1, prompt_tokens=1_000, completion_tokens=100)


def emitted(listeners: int):
    def work() -> None:
        heard = [0]

        def listen(event):
            heard[0] += 1

        record = Recorder(time.monotonic, [listen] * listeners)
        for call in range(EVENTS):
            record(ModelReplied(at=record.now, node=1, call=call, model="m", usage=USAGE, text="yes"))
        assert heard[0] == listeners * EVENTS
        assert len(record.events) == EVENTS

    return work


CASES = (
    Case("events: one, nobody listens", emitted(0), EVENTS),
    Case("events: one, three listen", emitted(3), EVENTS),
)
