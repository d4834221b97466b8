"""How a reply comes in is told to those who look on, from the client to the view, and to nobody else."""

import pytest

from rlm_async import RLM
from rlm_async.cli.progress import Progress
from rlm_async.cli.tree import doing
from rlm_async.core import events
from rlm_async.core.messages import Completion
from rlm_async.core.usage import Usage
from rlm_async.engine.hearing import PERIOD, Hearing
from rlm_async.engine.recorder import Recorder
from rlm_async.testing import LoopbackServer, Served

pytestmark = pytest.mark.anyio
LONG = " ".join(f"word{number}" for number in range(300))


@pytest.fixture
def anyio_backend():
    return "asyncio"  # the thin client knows no other


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class View(list):
    def __init__(self, *, live):
        super().__init__()
        self.live = live

    def __call__(self, event):
        self.append(event)


def test_a_reply_is_told_some_times_a_second_whatever_its_pieces():
    clock, view = Clock(), View(live=True)
    hearing = Hearing(Recorder(clock, [view]), node=3, call=1)
    for number in range(100):
        hearing(number + 1, "x")
        clock.now += PERIOD / 10
    assert 9 <= len(view) <= 11
    assert view[0] == events.ReplyGrew(at=0.0, node=3, call=1, characters=1, piece="x")
    assert "".join(event.piece for event in view) == "x" * view[-1].characters


def test_an_attempt_that_begins_anew_is_heard_anew():
    clock, view = Clock(), View(live=True)
    hearing = Hearing(Recorder(clock, [view]), node=0, call=0)
    hearing(5, "first")
    clock.now += 1
    hearing(6, "again!")  # nothing marks it but its length
    hearing(3, "new")
    clock.now += 1
    hearing(5, "er")
    assert [(event.characters, event.piece) for event in view] == [(5, "first"), (6, "again!"), (5, "newer")]


def test_only_live_views_hear_and_the_trace_does_not():
    live, other = View(live=True), View(live=False)
    record = Recorder(Clock(), [live, other])
    assert record.live
    Hearing(record, 0, 0)(1, "x")
    assert (len(live), len(other), record.events) == (1, 0, [])
    assert not Recorder(Clock(), [other]).live


async def test_replies_are_streamed_only_where_somebody_looks_on():
    async with LoopbackServer(LONG) as server:
        rlm = RLM("openai/m", api_base=server.url, strategy="direct")
        quiet = [event async for event in rlm.stream("one?", "text")]
        heard = [event async for event in rlm.stream("two?", "text", pieces=True)]
    assert ["stream" in asked.body for asked in server.requests] == [False, True]
    assert not any(isinstance(event, events.ReplyGrew) for event in quiet)
    grown = [event for event in heard if isinstance(event, events.ReplyGrew)]
    assert grown
    assert LONG.startswith("".join(event.piece for event in grown))
    assert heard[-1].text == LONG


async def test_a_streamed_reply_that_breaks_off_is_asked_again_and_counted():
    replies = [Served(text=LONG, fault="truncate"), Served(text=LONG)]
    async with LoopbackServer(replies) as server:
        rlm = RLM("openai/m", api_base=server.url, strategy="direct")
        heard = [event async for event in rlm.stream("?", "text", pieces=True)]
    replied = next(event for event in heard if isinstance(event, events.ModelReplied))
    assert (replied.attempts, replied.usage.calls, replied.text) == (2, 2, LONG)
    assert replied.usage.completion_tokens > 300, "what had come of the first is counted too"


async def test_the_live_tree_shows_how_much_has_come():
    progress = Progress()
    async with LoopbackServer(LONG) as server:
        rlm = RLM("openai/m", api_base=server.url, strategy="direct")
        shown = []
        async for event in rlm.stream("?", "text", pieces=True):
            progress(event)
            if isinstance(event, events.ReplyGrew):
                shown.append(doing(progress.nodes[0], progress.at))
    assert shown[0].startswith("hears ")
    assert progress.nodes[0].heard == {}


async def test_a_model_of_the_callers_own_may_let_itself_be_heard():
    async def model(request, budget):
        if request.heard is not None:
            request.heard(2, "hi")
        return Completion(text="hi there", usage=Usage(calls=1))

    heard = [event async for event in RLM(model, strategy="direct").stream("?", "text", pieces=True)]
    assert [event.piece for event in heard if isinstance(event, events.ReplyGrew)] == ["hi"]
