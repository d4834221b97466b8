"""`rlm-async learn` and `rlm-async advise` as they are typed."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from rlm_async.api.advising import Plan, advise
from rlm_async.cli.app import app
from rlm_async.core.context import Context
from rlm_async.core.usage import Limits, ModelInfo, Rates
from rlm_async.profiles import load
from rlm_async.strategies.rules import load_rules


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        done = CliRunner().invoke(app, list(map(str, arguments)))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def test_learn_writes_a_profile_and_says_what_it_is_worth(command, tmp_path):
    done = command(
        "learn", "sniah", "--size", "2k", "--windows", "3", "--candidates", "2", "--clock", "virtual", "--json", "-q",
        "-o", "needles.toml",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["verdict"] in {"better", "worse", "not shown to be better"}
    assert told["difference"]["windows"] == 1
    assert told["verdict"] == "not shown to be better"  # one input tells nothing
    assert load(str(tmp_path / "needles.toml")).rules == tuple(told["rules"])


def test_gepa_searches_where_it_is_asked_to(command, monkeypatch):
    pytest.importorskip("gepa", reason="the extra `learn` is not installed")
    from rlm_async.cli import learn

    monkeypatch.setattr(learn, "_say", lambda typed, model: lambda prompt: "```\n- Look before you ask.\n```")
    done = command(
        "learn", "sniah", "--size", "2k", "--windows", "3", "--clock", "virtual", "--gepa", "7", "--reflect", "scripted",
        "--json", "-q",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("\n") == 1  # GEPA's own log is not in the way
    assert json.loads(done.stdout)["rounds"] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "neither a task"),
        (["sniah", "--windows", "2"], "different contexts"),
        (["sniah", "-o", "x.json"], "ends in .toml"),
        (["sniah", "--gepa", "9"], "--gepa needs --reflect"),
        (["sniah", "--clock", "virtual", "-m", "openai/x"], "only a simulated model"),
        (["sniah", "--profile", "x.toml"], "cannot be a base"),
        (["items.jsonl"], "knows the tasks"),
        (["sniah", "--windows", "3", "--size", "2k", "-m", "openai/gpt-5"], "pass --yes"),
    ],
)
def test_what_cannot_be_learned_from_is_said(command, arguments, says):
    done = command("learn", *arguments)
    assert done.exit_code == 2
    assert says in done.stderr


def test_advise_asks_nobody_and_says_how_why_and_at_what_cost(command, tmp_path):
    (tmp_path / "long.txt").write_text("some words here\n" * 40_000, "utf-8")
    done = command("advise", "How many lines say so?", "long.txt", "-m", "openai/gpt-5", "--depth", "2", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["strategy"], told["shape"], told["documents"]) == ("repl", "survey", 1)
    assert told["calls"]["high"] > told["calls"]["low"] >= 2
    assert told["usd"]["high"] > told["usd"]["low"] > 0
    people = command("advise", "How many lines say so?", "long.txt", "-m", "openai/gpt-5").stdout
    assert people.startswith("how:  strategy repl, depth 1, openai/gpt-5; about ")
    assert "supposed, not measured" in people
    unknown = json.loads(command("advise", "Who?", "-m", "openai/no-such-model", "--json").stdout)
    assert (unknown["strategy"], unknown["usd"]) == ("direct", None)


def test_advise_writes_rules_from_rows_and_goes_by_them(command, tmp_path):
    sizes = ["--size", "2k", "--seeds", "2", "--arms", "direct", "--depth", "1", "--clock", "virtual", "-q"]
    assert command("bench", "run", "sniah", *sizes).exit_code == 0
    done = command("advise", "--fit", "bench.jsonl", "-o", "rules.toml")
    assert done.exit_code == 0, done.stderr
    assert "use them with --strategy auto:rules.toml" in done.stderr
    rule = load_rules(tmp_path / "rules.toml").of("sim-strong", "lookup")
    assert rule.measured > 0
    told = json.loads(command("advise", "Who?", "-m", "sim-strong", "--strategy", "auto:rules.toml", "--json").stdout)
    assert told["measured"] == rule.measured


def test_a_question_is_needed_and_an_unknown_strategy_is_refused(command):
    assert "the question is empty" in command("advise").stderr
    assert "choose one of auto" in command("advise", "x", "--strategy", "best").stderr


def test_limits_that_may_be_hit_are_named():
    model = ModelInfo(name="m", window=50_000)
    plan = Plan(model=model, sub=model, limits=Limits(calls=3, depth=1), rates=Rates(requests_per_minute=1))
    advice = advise("How many lines?", Context.of("some words here\n" * 40_000), plan)
    assert "calls" in advice.over
    assert advice.seconds.low > 60  # at one request a minute
    assert advice.chunk_tokens < 50_000
