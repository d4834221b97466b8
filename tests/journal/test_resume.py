"""A run that was broken off is taken up again: same answer, and nothing that was answered is asked again."""

from __future__ import annotations

import anyio
import pytest

from rlm_async import Limits, ModelInfo, Price
from rlm_async.core.events import CellEnded
from rlm_async.core.usage import Usage
from rlm_async.errors import ConfigError, ModelRejected, RLMError
from rlm_async.journal import Journal, RunFilter
from rlm_async.testing import ScriptedModel
from tests.journal.conftest import FAN, LONG, PlainSandboxes, Player, code, is_root

pytestmark = pytest.mark.anyio

WHOLE = " ".join(f"<piece {i}>" for i in range(8))


async def broken_off(kept, after=4, **settings):
    """Run until `after` pieces are answered, then give it up."""
    answered, enough = [], anyio.Event()

    async def play(request):
        if is_root(request):
            return FAN[0] if len(request.messages) == 2 else FAN[1]
        if len(answered) >= after:
            enough.set()
            await anyio.sleep_forever()
        answered.append(request.messages[-1].text)
        return f"<{answered[-1]}>"

    model = ScriptedModel(play)
    async with anyio.create_task_group() as group:
        group.start_soon(kept(model, **settings).ask, "what?", LONG)
        await enough.wait()
        await anyio.wait_all_tasks_blocked()  # what was answered has arrived
        group.cancel_scope.cancel()
    return answered


async def test_only_what_was_not_answered_is_asked(kept, path):
    answered = await broken_off(kept)
    model = Player(FAN).model()
    answer = await kept(model).ask("what?", LONG)
    assert answer.text == WHOLE
    assert sorted(model.prompts[:-1]) == sorted({f"piece {i}" for i in range(8)} - set(answered))
    with Journal(path) as journal:
        again, first = journal.runs()
        assert (first.status, again.status, again.origin) == ("interrupted", "complete", first.run)


async def test_what_was_paid_before_counts_against_the_limits_and_once_in_the_money(kept, path):
    infos = [ModelInfo(name="the given model", price=Price(prompt=1.0, completion=1.0))]
    await broken_off(kept, model_infos=infos)
    whole = await kept(Player(FAN).model(), journal=None, model_infos=infos).ask("what?", LONG)
    answer = await kept(Player(FAN).model(), model_infos=infos).ask("what?", LONG)
    assert answer.usage.total == whole.usage.total
    assert answer.usage.recalled.calls == 5
    with Journal(path) as journal:
        runs = journal.runs()
        paid = [run.usage.calls - run.recalled.calls for run in runs]
        assert paid == [5, 9]  # four of the first run's were given up: they went out, and count there
        assert runs[0].usage == answer.usage.total
        assert runs[0].recalled == answer.usage.recalled
        assert all(run.usage.nanos for run in runs)


async def test_a_limit_means_the_whole_question_and_not_the_part_since_the_crash(kept):
    await broken_off(kept, limits=Limits(calls=7))
    model = Player(FAN).model()
    answer = await kept(model, limits=Limits(calls=7)).ask("what?", LONG)
    assert (answer.status, answer.limit) == ("partial", "calls")
    assert answer.usage.calls == 7


async def test_a_last_turn_is_recalled_too(kept, path):
    player = Player((code("print(await ask('one'))"), "never mind"), leaf=lambda prompt: "1")
    limits = Limits(turns=1)
    first = await kept(player.model(), limits=limits).ask("what?", LONG)
    model = player.model()
    again = await kept(model, limits=limits).ask("what?", LONG)
    assert (first.status, again.status, again.text, model.calls) == ("partial", "partial", first.text, 0)
    assert again.usage.total == again.usage.recalled == first.usage.total


async def test_a_partial_run_goes_on_where_its_limit_was_lifted(kept):
    partial = await kept(Player(FAN).model(), limits=Limits(turns=1)).ask("what?", LONG)
    model = Player(FAN).model()
    answer = await kept(model, limits=Limits(turns=5)).ask("what?", LONG)
    assert (partial.status, answer.status, answer.text) == ("partial", "complete", WHOLE)
    assert model.calls == 1


async def test_a_failed_run_asks_again_only_what_had_failed(kept):
    program = (
        code(
            "one, two = await ask('a', 'b')",
            "if two[0] == 'E': raise SystemError(two)",
            "answer.update(content=one + two, ready=True)",
        ),
    )
    with pytest.raises(RLMError):
        await kept(Player(program, fails=frozenset({"b"})).model()).ask("what?", LONG)
    model = Player(program).model()
    answer = await kept(model).ask("what?", LONG)
    assert (answer.text, model.prompts) == ("<a><b>", ["b"])


async def test_a_complete_run_is_begun_anew(kept, path):
    for _ in range(2):
        model = Player(FAN).model()
        answer = await kept(model).ask("what?", LONG)
        assert (model.calls, answer.usage.recalled) == (10, Usage())
    with Journal(path) as journal:
        assert [run.origin for run in journal.runs()] == ["", ""]


@pytest.mark.parametrize("change", ["question", "context", "model"])
async def test_another_question_context_or_model_begins_anew(kept, change):
    await broken_off(kept)
    model = Player(FAN).model()

    async def other(request, budget):
        return await model(request, budget)

    asked = kept(other if change == "model" else model)
    await asked.ask("why?" if change == "question" else "what?", "short. " * 30_000 if change == "context" else LONG)
    assert model.calls == 10


async def test_it_may_be_broken_off_again_and_again(kept):
    seen = await broken_off(kept, after=3)
    seen += await broken_off(kept, after=2)
    model = Player(FAN).model()
    assert (await kept(model).ask("what?", LONG)).text == WHOLE
    assert len(seen) == len(set(seen)) == 5
    assert model.calls == 4


async def test_requests_that_share_with_nobody_are_replayed_in_their_order(kept, path):
    lines = ("first = await ask('roll', 'roll', 'roll', cached=False)", "global dice; dice = first", "print(first)")
    program = (code(*lines), code("answer.update(content=' '.join(dice), ready=True)"))
    rolls = iter("123456789")
    player = Player(program, leaf=lambda _: next(rolls))
    limited = await kept(player.model(), limits=Limits(turns=1)).ask("what?", LONG)
    model = player.model()
    answer = await kept(model).ask("what?", LONG)
    (rolled,) = [event.output.stdout for event in limited.trace if isinstance(event, CellEnded)]
    assert (limited.status, str(answer.text.split()), model.calls) == ("partial", rolled, 1)
    with Journal(path) as journal:
        rolled = [one for one in journal.completions(answer.run) if one.completion.text in "123"]
        assert sorted(one.occurrence for one in rolled) == [0, 1, 2]


async def test_what_code_finds_left_of_its_budget_does_not_change_what_is_asked(kept):
    program = (code("print(await ask('one'))"), code("answer.update(content='done', ready=True)"))
    await kept(Player(program).model(), limits=Limits(turns=1, seconds=500)).ask("what?", LONG)
    model = Player(program).model()
    await kept(model, limits=Limits(turns=9, seconds=100)).ask("what?", LONG)
    assert model.calls == 1


async def test_tools_are_not_called_again(kept):
    calls = []

    def lookup(name: str) -> str:
        """Look a name up."""
        calls.append(name)
        return name.upper()

    program = (
        code("global seen; seen = [await tool('lookup', n) for n in ('a', 'b', 'a')]\nprint(seen)"),
        code("answer.update(content=str(seen), ready=True)"),
    )
    for turns in (1, 5):
        answer = await kept(Player(program).model(), tools=[lookup], limits=Limits(turns=turns)).ask("what?", LONG)
    assert (answer.text, calls) == ("['A', 'B', 'A']", ["a", "b", "a"])


async def test_a_turn_of_a_session_is_kept_but_never_resumed(kept, path):
    rlm = kept(Player(FAN).model(), limits=Limits(turns=1))
    for _ in range(2):
        async with rlm.session(LONG) as chat:
            await chat.ask("what?")
    with Journal(path) as journal:
        assert [(run.status, run.origin) for run in journal.runs()] == [("partial", "")] * 2


async def test_a_run_that_is_still_going_on_is_not_taken_over(kept, path):
    enough = anyio.Event()

    async def play(request):
        enough.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(kept(ScriptedModel(play)).ask, "what?", LONG)
        await enough.wait()
        answer = await kept(Player(FAN).model()).ask("what?", LONG)
        with Journal(path) as journal:
            assert [run.run for run in journal.runs(RunFilter(status="running"))] != [answer.run]
            assert journal.run(answer.run).origin == ""
        group.cancel_scope.cancel()


async def test_a_failure_that_code_has_seen_is_asked_again(kept):
    program = (code("print(await ask('a', 'b'))"), code("answer.update(content='done', ready=True)"))
    await kept(Player(program, fails=frozenset({"b"})).model(), limits=Limits(turns=1)).ask("what?", LONG)
    model = Player(program).model()
    await kept(model).ask("what?", LONG)
    assert model.prompts[0] == "b"


async def test_the_same_journal_serves_concurrent_runs(kept, journal):
    rlm = kept(Player(FAN).model(), journal=journal, sandbox=PlainSandboxes())
    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(rlm.ask, f"question {number}", LONG)
    assert [run.status for run in journal.runs()] == ["complete"] * 10
    assert {run.usage.calls for run in journal.runs()} == {10}


async def test_a_model_s_error_ends_in_the_journal_too(kept, journal):
    with pytest.raises(ModelRejected):
        await kept(ScriptedModel(ModelRejected("no such model")), journal=journal).ask("what?", LONG)
    run = journal.run("last")
    assert (run.status, run.error) == ("failed", "ModelRejected: no such model")
    assert [one.error for one in journal.completions(run.run)] == ["ModelRejected: no such model"]


async def test_what_is_refused_before_it_begins_leaves_no_run(kept, journal):
    with pytest.raises(ConfigError, match="there is no strategy"):
        await kept(Player(FAN).model(), journal=journal, strategy="hope").ask("what?", LONG)
    assert journal.runs() == []


async def test_a_run_that_is_given_up_as_it_begins_is_told_as_given_up(kept, journal):
    with anyio.CancelScope() as scope:
        scope.cancel()
        await kept(Player(FAN).model(), journal=journal).ask("what?", LONG)
    assert [run.status for run in journal.runs()] in ([], ["interrupted"])
