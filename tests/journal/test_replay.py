"""A kept run is played again: same answer, no model; or from one node on with a model asked anew."""

from __future__ import annotations

import itertools

import anyio
import pytest

from rlm_async import Limits, ModelInfo
from rlm_async.api import replaying
from rlm_async.api.replaying import Change, replay, replay_from
from rlm_async.api.wiring import Wiring
from rlm_async.core.context import Context
from rlm_async.core.events import CellEnded, LimitHit, ModelReplied, NodeAdded, NodeAnswered, RunEnded
from rlm_async.core.messages import Place, Request
from rlm_async.core.profile import Profile
from rlm_async.core.query import Query
from rlm_async.core.usage import Rates, Usage
from rlm_async.errors import BudgetExceeded, ConfigError, ModelRejected, RLMError
from rlm_async.journal import Journal, Kept
from rlm_async.journal.playback import Playback
from rlm_async.testing import ScriptedModel
from tests.journal.conftest import FAN, LONG, PlainSandboxes, Player, code, is_root

pytestmark = pytest.mark.anyio


def told(answer):
    """What was asked, run and answered, in which order it came or not."""
    cells = [(event.node, event.cell, event.output.stdout) for event in answer.trace if isinstance(event, CellEnded)]
    nodes = sorted((event.node, event.text, event.status) for event in answer.trace if isinstance(event, NodeAnswered))
    return cells, nodes, answer.text, answer.data, answer.status, answer.limit


async def test_the_same_answer_without_a_model(kept, journal):
    first = await kept(Player(FAN).model(), journal=journal).ask("what?", LONG)
    sandboxes = PlainSandboxes()
    again = await replay(journal, first.run, sandbox=sandboxes)
    assert (again.same, again.recalled, again.strayed, sandboxes.opened) == (True, 10, 0, 1)
    assert told(again.answer) == told(first)
    assert again.answer.usage.total == first.usage.total
    assert len(journal.runs()) == 1  # a replay is not a run of its own


async def test_what_was_known_of_a_model_is_known_again(kept, journal):
    class Own(ScriptedModel):
        info = ModelInfo(name="a name of its own", window=9_000, weak=True, concurrency=3)

    first = await kept(Own(Player(FAN).model()._answer), journal=journal).ask("what?", LONG)
    again = await replay(journal, first.run, sandbox=PlainSandboxes())
    assert (again.same, again.recalled, again.strayed) == (True, 10, 0)


async def test_a_tree_of_three_levels_is_the_same(kept, journal):
    def play(request):
        if not is_root(request):
            return f"<{request.messages[-1].text[-3:]}>"
        depth = request.messages[0].text.count("at depth")
        if any(message.role == "assistant" for message in request.messages):
            return code("answer.update(content=' '.join(map(str, kept)), ready=True)")
        ask = "sub" if not depth else "ask"
        return code(
            f"global kept; kept = await {ask}(*[context[-9:] + f' part {{i}}' for i in range(4)])", "print(budget())"
        )

    limits = Limits(depth=2, tokens=400_000)
    first = await kept(ScriptedModel(play), journal=journal, limits=limits).ask("what?", LONG)
    again = await replay(journal, "last", sandbox=PlainSandboxes())
    assert len(first.graph.nodes) > 8
    assert (again.same, again.answer.text) == (True, first.text)
    assert again.recalled == first.usage.calls


async def test_errors_and_limits_are_played_again(kept, journal):
    program = (code("print(await ask('a', 'b', 'c'))"), code("answer.update(content='done', ready=True)"))
    player = Player(program, fails=frozenset({"b"}))
    for limits in (Limits(), Limits(calls=3), Limits(turns=1), Limits(tokens=2_000)):
        run = ""
        try:
            run = (await kept(player.model(), journal=journal, limits=limits).ask("what?", LONG)).run
        except RLMError as error:
            run = error.answer.run
        again = await replay(journal, run, sandbox=PlainSandboxes())
        record = journal.run(run)
        assert again.same, limits
        assert (again.answer.status, again.answer.limit) == (record.status, record.limit)


def placed(node, parent=None):
    query = Query(prompt=f"question {node}", model="m")
    return NodeAdded(at=0.0, node=node, parent=parent, depth=0 if parent is None else 1, query=query)


def ended(text="fine", error=""):
    status = "failed" if error else "complete"
    return RunEnded(at=1.0, run="r", status=status, text=text, usage=Usage(), error=error)


GIVEN_UP = Kept(
    key="00", occurrence=0, node=1, turn=0, completion=None, error="cancelled: ", failure={"class": "cancelled"}
)
ASKED = Request(model="m", messages=(), place=Place("r", 1, 1))


def playing(*trace):
    playback = Playback([placed(0), placed(1, 0), *trace], [GIVEN_UP])
    playback(placed(0))
    playback(placed(1, 0))
    return playback


async def test_what_the_clock_cut_off_is_cut_off_again():
    hit = LimitHit(at=0.5, node=1, scope="the run", resource="seconds")
    with pytest.raises(BudgetExceeded, match="seconds limit of the run"):
        await playing(hit, ended()).recall(ASKED, "00")


async def test_what_nobody_waited_for_is_never_answered():
    with anyio.move_on_after(0.05) as scope:
        await playing(ended()).recall(ASKED, "00")
    assert scope.cancelled_caught


async def test_what_was_in_flight_when_the_run_was_broken_off_is_an_error():
    for trace in ([], [ended(error="Cancelled: from outside")]):
        with pytest.raises(ModelRejected, match="broken off"):
            await playing(*trace).recall(ASKED, "00")


async def test_code_that_depends_on_chance_gets_the_replies_of_the_same_places(kept, journal):
    chance = itertools.count()
    sandboxes = PlainSandboxes(extra={"random": lambda: next(chance)})
    program = (
        code("found = await ask(f'roll {random()}')", "global one; one = found[0]", "print(random())"),
        code("answer.update(content=one, ready=True)"),
    )
    first = await kept(Player(program).model(), journal=journal, sandbox=sandboxes).ask("what?", LONG)
    again = await replay(journal, first.run, sandbox=sandboxes)
    assert (again.same, again.recalled, again.strayed) == (True, 3, 2)


async def test_a_run_that_was_broken_off_ends_where_it_ended(kept, journal):
    enough = anyio.Event()

    async def play(request):
        if len(request.messages) == 2:
            return code("print('so far')")
        enough.set()
        return await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(kept(ScriptedModel(play), journal=journal).ask, "what?", LONG)
        await enough.wait()
        group.cancel_scope.cancel()
    again = await replay(journal, "last", sandbox=PlainSandboxes())
    assert (again.same, again.answer.status) == (False, "failed")
    assert "broken off" in str(again.answer.error)


async def test_tools_are_told_from_the_journal(kept, journal):
    def lookup(name: str) -> str:
        """Look a name up."""
        return name.upper()

    program = (code("answer.update(content=await tool('lookup', 'a'), ready=True)"),)
    first = await kept(Player(program).model(), journal=journal, tools=[lookup]).ask("what?", LONG)
    assert (await replay(journal, first.run, sandbox=PlainSandboxes())).same


async def test_an_input_that_was_not_kept_is_given_again(kept, path):
    with Journal(path, content="no-context") as journal:
        first = await kept(Player(FAN).model(), journal=journal).ask("what?", LONG)
        with pytest.raises(ConfigError, match="give it again"):
            await replay(journal, first.run, sandbox=PlainSandboxes())
        with pytest.raises(ConfigError, match="has changed"):
            await replay(journal, first.run, sandbox=PlainSandboxes(), context=Context.of("other"))
        assert (await replay(journal, first.run, sandbox=PlainSandboxes(), context=Context.of(LONG))).same


async def test_a_run_without_content_cannot_be_played_and_says_so(kept, path):
    with Journal(path, content="none") as journal:
        first = await kept(Player(FAN).model(), journal=journal).ask("what?", LONG)
        with pytest.raises(ConfigError, match="without its content"):
            await replay(journal, first.run, sandbox=PlainSandboxes())


def wired(model):
    """How `replay_from` reaches models: here all by objects."""
    return Wiring(models=(model, model), endpoint=(None, None), rates=Rates(), sandbox=PlainSandboxes(), run_ahead=True)


@pytest.fixture
def wiring(monkeypatch):
    """Wiring in which the name `other` is a given model."""

    def make(model):
        found = wired("other")
        sources = type(found)._sources
        monkeypatch.setattr(type(found), "_sources", lambda self, given: sources(self, {"other": model}))
        return found

    return make


async def test_from_a_node_on_only_that_is_asked_anew(kept, journal, wiring):
    first = await kept(Player(FAN).model(), journal=journal).ask("what?", LONG)
    node = next(event.node for event in first.trace if isinstance(event, NodeAdded) and event.query.prompt == "piece 3")
    other = ScriptedModel("(better)")
    again = await replay_from(journal, first.run, Change(node=node, model="other"), wiring(other))
    assert other.prompts == ["piece 3"]
    assert again.answer.text == first.text.replace("<piece 3>", "(better)")
    assert (again.same, again.recalled) == (False, 9)
    record = journal.run("last")
    assert (record.run, record.origin, record.status) == (again.answer.run, first.run, "complete")
    assert record.usage.calls - record.recalled.calls == 1


async def test_a_node_may_be_asked_something_else(kept, journal, wiring):
    first = await kept(Player(FAN).model(), journal=journal).ask("what?", LONG)
    other = ScriptedModel(lambda request: request.messages[-1].text.upper())
    await replay_from(journal, first.run, Change(node=1, model="other", prompt="and this?"), wiring(other))
    assert other.prompts == ["and this?"]


async def test_below_a_node_with_code_everything_is_asked_anew(kept, journal, wiring):
    first = await kept(Player(FAN).model(), journal=journal).ask("what?", LONG)
    other = Player(FAN, leaf=lambda prompt: prompt[-1]).model()
    again = await replay_from(journal, first.run, Change(node=0, model="other"), wiring(other))
    assert (other.calls, again.recalled) == (10, 0)
    assert {event.model for event in again.answer.trace if isinstance(event, ModelReplied)} == {"other"}


async def test_a_node_that_is_not_there_is_refused(kept, journal, wiring):
    await kept(Player(FAN).model(), journal=journal).ask("what?", LONG)
    with pytest.raises(ConfigError, match="has no node 99; it has 0 to 8"):
        await replay_from(journal, "last", Change(node=99, model="other"), wiring(ScriptedModel("no")))
    with pytest.raises(ConfigError, match="name a model"):
        await replay_from(journal, "last", Change(node=1), wiring(ScriptedModel("no")))


async def test_a_run_is_played_again_with_its_profile(kept, journal, monkeypatch):
    profile = Profile(name="poem", about="a poem", advice="Count the verses.")
    first = await kept(Player(FAN).model(), journal=journal, profile=profile).ask("what?", LONG)
    with pytest.raises(ConfigError, match=r"no profile 'poem'.* install the plugin that brings it"):
        await replay(journal, first.run, sandbox=PlainSandboxes())
    monkeypatch.setattr(replaying, "load", lambda name: {"poem": profile}[name])
    again = await replay(journal, first.run, sandbox=PlainSandboxes())
    assert (again.same, again.strayed) == (True, 0)
