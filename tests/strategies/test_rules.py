"""Rules of `auto`: one file, read by people and by code, the most particular rule first."""

from __future__ import annotations

import anyio
import pytest

from rlm_async.core.usage import ModelInfo, Price
from rlm_async.errors import ConfigError
from rlm_async.strategies.deciding import Given, cost, decide
from rlm_async.strategies.rules import Costs, Range, Rule, Rules, load_rules, read_rules, rules_of, shape_of, shipped

CHEAP = Costs(
    root_calls=Range(2, 2), root_tokens=Range(1_000, 1_000), sub_calls=Range(0, 0), sub_share=Range(0, 0),
    written=Range(0.1, 0.1), direct_share=Range(1, 1), direct_written=Range(0, 0),
)  # fmt: skip
RULES = Rules(
    (
        Rule(direct_tokens=5_000),
        Rule(family="gpt", direct_tokens=9_000),
        Rule(family="gpt", shape="lookup", direct_tokens=50_000, window_share=0.9, depth=1, costs=CHEAP, measured=30),
    )
)
GPT = ModelInfo(name="openai/gpt-9", window=100_000, price=Price(prompt=1.0, completion=1.0))


def given(tokens, shape="survey", model=GPT, depth=2, **more):
    return Given(tokens=tokens, shape=shape, model=model, sub=model, depth=depth, **more)


@pytest.mark.parametrize(
    ("question", "shape"),
    [
        ("How many lines have the label 'x'?", "survey"),
        ("Which label do most lines have?", "survey"),
        ("Summarise the report.", "survey"),
        ("Compare both contracts.", "survey"),
        ("Which contracts hold an audit clause?", "survey"),
        ("What is the special magic number for calm-drum in the text?", "lookup"),
        ("Who signed the lease?", "lookup"),
        ("Where is the milk?", "lookup"),
    ],
)
def test_the_shape_of_a_question_is_told_by_its_words(question, shape):
    assert shape_of(question) == shape


def test_the_most_particular_rule_counts():
    assert RULES.of("openai/gpt-9", "lookup").direct_tokens == 50_000
    assert RULES.of("openai/gpt-9", "survey").direct_tokens == 9_000
    assert RULES.of("mistral", "lookup").direct_tokens == 5_000
    assert Rules(()).of("x", "lookup") == Rule()


def test_what_is_written_reads_as_the_same(tmp_path):
    assert read_rules(RULES.written(), "x").rules == RULES.rules
    assert read_rules(shipped().written(), "x").rules == shipped().rules
    path = tmp_path / "rules.toml"
    path.write_text(RULES.written(), "utf-8")
    loaded = load_rules(path)
    assert loaded.of("gpt-9", "lookup") == RULES.rules[2]
    assert loaded.of("sim-x", "survey") == RULES.rules[0]
    path.write_text(Rules(RULES.rules[1:]).written(), "utf-8")
    assert load_rules(path).of("sim-x", "survey") == shipped().of("sim-x", "survey")  # a family that it does not name
    path.write_text(RULES.written(), "utf-8")
    assert rules_of(f"auto:{path}") == loaded


def test_length_family_shape_and_price_decide():
    assert decide(RULES, given(8_000)).strategy == "direct"
    assert decide(RULES, given(12_000)).strategy == "repl"
    assert decide(RULES, given(900, "lookup")).strategy == "direct"
    cheaper = decide(RULES, given(40_000, "lookup"))
    assert (cheaper.strategy, cheaper.depth) == ("repl", 1)
    assert "costs less" in cheaper.reason
    assert decide(RULES, given(40_000, "lookup", tools=True)).reason.startswith("tools")
    weak = ModelInfo(name="gpt-tiny", window=16_000, weak=True)
    assert decide(RULES, given(20_000, model=weak)).strategy == "guided"


def test_an_unknown_price_is_unknown_and_tokens_stand_in_for_it():
    free = ModelInfo(name="gpt-x", window=100_000)
    decision = decide(RULES, given(40_000, "lookup", model=free))
    assert decision.strategy == "repl"
    assert cost(given(40_000, "lookup", model=free), decision).usd is None


def test_a_cost_grows_with_the_input_and_is_priced():
    small = cost(given(30_000), decide(RULES, given(30_000)))
    large = cost(given(300_000), decide(RULES, given(300_000)))
    assert large.tokens.high > small.tokens.high
    assert large.calls.high > small.calls.high
    assert large.usd.high > small.usd.high > small.usd.low > 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules = ", "not TOML"),
        ("format = 9", "no rules of format 1"),
        ("format = 1\n[[rules]]\nfamilie = 'x'", "a rule's familie"),
        ("format = 1\n[[rules]]\ndirect_tokens = 'x'", "a rule's direct_tokens"),
        ("format = 1\n[[rules]]\nshape = 'odd'", "shape 'odd'"),
        ("format = 1\n[[rules]]\n[rules.costs]\nroot_calls = 3", "root_calls is \\[low, high\\]"),
        ("format = 1\n[[rules]]\n[rules.costs]\nroots = [1, 2]", "costs is a table"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text, says):
    with pytest.raises(ConfigError, match=says):
        read_rules(text, "rules.toml")


def test_rules_that_are_not_there_are_an_error_before_anything_runs(tmp_path):
    from rlm_async import RLM
    from rlm_async.testing import ScriptedModel

    with pytest.raises(ConfigError, match="advise --fit"):
        RLM(ScriptedModel([]), strategy=f"auto:{tmp_path / 'none.toml'}")


def test_auto_goes_by_the_rules_of_a_file_and_no_deeper_than_they_say(tmp_path):
    from rlm_async import RLM, Limits
    from rlm_async.api.replaying import replay
    from rlm_async.core.events import RunStarted, StrategyChosen
    from rlm_async.journal import Journal
    from rlm_async.testing import ScriptedModel

    path = tmp_path / "rules.toml"
    path.write_text(Rules((Rule(direct_tokens=5, depth=1),)).written(), "utf-8")
    model = ScriptedModel(["```repl\nFINAL(rlm_query('Yes?'))\n```", "yes"])
    rlm = RLM(model, strategy=f"auto:{path}", limits=Limits(depth=3), journal=tmp_path / "runs.sqlite")
    answer = rlm.ask_sync("Is it so?", "some words that are more than five tokens")
    assert answer.text == "yes"
    assert next(event.limits.depth for event in answer.trace if isinstance(event, RunStarted)) == 1
    assert [event.strategy for event in answer.trace if isinstance(event, StrategyChosen)] == ["repl"]
    with Journal(tmp_path / "runs.sqlite") as journal:
        replayed = anyio.run(replay, journal, "last")
    assert replayed.answer.text == "yes"
