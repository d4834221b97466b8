"""A node's own history, folded before it fills the model's window."""

from __future__ import annotations

import itertools

import pytest

from rlm_async.core.messages import Completion
from rlm_async.core.transcript import Exchange, Output, Past, Turn
from rlm_async.core.usage import Limits, ModelInfo
from rlm_async.errors import ConfigError, ContextOverflow, ModelUnavailable
from rlm_async.strategies.allowance import prompt_tokens
from rlm_async.strategies.bindings import living
from rlm_async.strategies.folding import KEPT_EXCHANGES, LINES, policy, without_outputs, without_turns
from rlm_async.strategies.repl import Repl
from tests.strategies.fake_frame import code

WINDOW = 8_000
TURNS = 60


def exchange(source: str, printed: str) -> Exchange:
    output = Output(stdout=printed, stdout_characters=len(printed))
    return Exchange(Turn(code(source), ((source, output),)), f"I look.\n{code(source)}", f"Output:\n{printed}")


def past(*sources: str, printed: str = "word " * 200) -> Past:
    return Past(exchanges=tuple(exchange(source, printed) for source in sources))


def journey(turns: int):
    """Replies of a model that looks, and counts, in many turns, then answers from its variables."""
    yield code("total = 0", "def parse(line):", "    return len(line)")
    for n in range(2, turns):
        yield (
            code(f"total += {n}", f"print('finding {n} ' + 'x' * 900)") if n % 3 else code(f"print('look {n} ' * 150)")
        )
    yield code("FINAL([total, parse('four')])")


def small(*names: str) -> dict[str, ModelInfo]:
    return {name: ModelInfo(name=name, window=WINDOW) for name in names}


@pytest.mark.anyio
async def test_sixty_turns_end_right_in_a_window_of_8k_with_folding(frame):
    shown = frame(*journey(TURNS), infos=small("root"), limits=Limits(turns=TURNS))
    result = await Repl(policy("elide")).answer(shown)
    assert (result.value, result.limit) == ([sum(n for n in range(2, TURNS) if n % 3), 4], None)
    assert len(shown.asked) == TURNS
    assert max(prompt_tokens(request.messages) for request, _ in shown.asked) < WINDOW
    assert all("Question: How many?" in request.messages[1].text for request, _ in shown.asked), "never the question"
    assert "def parse" in shown.prompt(-1), "never code whose variables live"
    assert shown.folds
    assert all(after < before for _, _, before, after in shown.folds)


@pytest.mark.anyio
async def test_the_same_turns_overflow_without_folding(frame):
    shown = frame(*journey(TURNS), "So far: something.", infos=small("root"), limits=Limits(turns=TURNS))
    result = await Repl(policy("none")).answer(shown)
    assert result.limit == "window"
    assert not shown.folds


@pytest.mark.anyio
async def test_between_two_folds_prompts_only_grow_at_their_end(frame):
    shown = frame(*journey(TURNS), infos=small("root"), limits=Limits(turns=TURNS))
    await Repl().answer(shown)
    prompts = [request.messages for request, _ in shown.asked]
    pairs = itertools.pairwise(prompts)
    broken = sum(new[: len(old)] != old for old, new in pairs)
    assert broken == len(shown.folds)
    assert broken < TURNS / 5, "a fold makes room for several turns"


@pytest.mark.anyio
async def test_a_provider_that_says_full_is_asked_again_with_less(frame):
    replies = [code(f"print('word{n} ' * 400)") for n in range(6)]
    shown = frame(*replies, ContextOverflow("too long"), code("FINAL('done')"))
    assert (await Repl().answer(shown)).value == "done"
    assert len(shown.folds) == 1


@pytest.mark.anyio
async def test_a_provider_that_goes_on_saying_full_gets_a_last_turn(frame):
    replies = [code(f"print('word{n} ' * 400)") for n in range(6)]
    shown = frame(*replies, ContextOverflow("too long"), ContextOverflow("too long"), "So: 1.")
    assert (await Repl().answer(shown)).limit == "window"


@pytest.mark.anyio
async def test_a_model_may_tell_what_older_turns_came_to(frame):
    def reply(request):
        return code("FINAL('done')") if "KEY FACT" in request.messages[1].text else code("print('look ' * 400)")

    shown = frame(infos=small("root"), limits=Limits(turns=40))
    told = []

    async def ask(request, *, last=False):
        if request.model == "teller":
            told.append(request)
            return Completion(text="KEY FACT: 42")
        shown.asked.append((request, last))
        return Completion(text=reply(request))

    shown.ask = ask
    assert (await Repl(policy("summarise:teller")).answer(shown)).value == "done"
    assert len(told) == 1
    assert "How many?" in told[0].messages[0].text
    assert "look look" in told[0].messages[0].text


@pytest.mark.anyio
async def test_a_teller_that_is_down_costs_no_answer(frame):
    def reply(request):
        if request.model == "sub":
            raise ModelUnavailable("down")
        return (
            code("FINAL('done')") if "Earlier turns, folded" in request.messages[1].text else code("print('x ' * 900)")
        )

    shown = frame(*[reply] * 80, infos=small("root"), limits=Limits(turns=60))
    assert (await Repl(policy("summarise")).answer(shown)).value == "done"


def test_outputs_go_first_and_the_newest_stay():
    whole = past(*[f"print({n})" for n in range(6)])
    folded = without_outputs(whole, 0)
    assert [e.folded for e in folded.exchanges] == [True] * (6 - KEPT_EXCHANGES) + [False] * KEPT_EXCHANGES
    assert [e.said for e in folded.exchanges] == [e.said for e in whole.exchanges]
    assert without_outputs(whole, whole.tokens) == whole


def test_turns_that_left_nothing_behind_are_told_in_a_line():
    whole = past("rows = [1]", "print(rows)", "total = sum(rows)", "1 / 0", "print(total)", "print(2)")
    folded = without_turns(whole, 0)
    assert [e.turn.cells[0][0] for e in folded.exchanges] == [
        "rows = [1]",
        "total = sum(rows)",
        "print(total)",
        "print(2)",
    ]
    assert folded.gone == 2
    assert folded.summary.count("\n- ") == 2
    assert "(folded; it set rows)" in folded.exchanges[0].told


def test_a_summary_stays_short_however_long_the_history():
    whole = Past()
    for round_ in range(30):
        more = past(*[f"print({round_}, {n})" for n in range(6)]).exchanges
        whole = without_turns(Past(whole.summary, whole.gone, (*whole.exchanges, *more)), 0)
    assert whole.summary.count("\n- ") == LINES
    assert f"(before these: {whole.gone - LINES:,} turns)" in whole.summary
    assert whole.gone == 30 * 6 - KEPT_EXCHANGES


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["a = 1", "a = 2"], ["", "a"]),
        (["a = 1", "a += 1"], ["a", "a"]),
        (["d = {}", "d['k'] = 1"], ["d", "d"]),
        (["d = {}", "d['k']['j'].n = 1"], ["d", "d"]),
        (["import re", "def f(x):\n    y = 1\n    return y"], ["re", "f"]),
        (["a = 1", "del a"], ["", ""]),
        (["print([x for x in range(3)])"], [""]),
        (["if (n := 3):\n    pass"], ["n"]),
        (["print([m := x for x in range(3)])"], ["m"]),
        (["match 1:\n    case int() as k:\n        pass"], ["k"]),
        (["for i in range(3):\n    j, *rest = i, 1"], ["i j rest"]),
        (["this is no Python"], [""]),
        (["with open_it() as handle:\n    pass\ntry:\n    pass\nexcept Exception as e:\n    x = e"], ["handle x"]),
    ],
    ids=range(13),
)
def test_the_code_that_living_names_come_from_is_known(turns, expected):
    found = [" ".join(sorted(names)) for names in living([[source] for source in turns])]
    assert found == expected


@pytest.mark.parametrize("name", ["", "fold", "summarise:", "elide:x"])
def test_an_unknown_policy_is_named_with_those_there_are(name):
    with pytest.raises(ConfigError, match="none, elide, summarise"):
        policy(name)
