"""What is printed at the end: never a zero for what is unknown, never more than one line of error."""

from __future__ import annotations

import json
import signal

from rlm_async.cli.progress import Progress
from rlm_async.cli.report import Ending, answer_json, answer_text, error_line, summary, verdict
from rlm_async.core.answer import Answer, RunUsage
from rlm_async.core.usage import Limits, Usage
from rlm_async.errors import BudgetExceeded, ConfigError, ModelRejected, Unanswered

ANSWER = Answer(
    text="forty-two\n",
    data="forty-two\n",
    usage=RunUsage(total=Usage(calls=3, prompt_tokens=90, nanos=None), seconds=1.23456),
    run="r1",
)


def finished(story, **limits):
    progress = Progress()
    run = story(progress, limits=Limits(**limits), context="x" * 2_000_000)
    root = run.node()
    run.leaf(root)
    run.leaf(root, nanos=None)
    return run, progress


def test_exit_statuses_are_those_of_the_manual():
    partial = Answer(text="", status="partial", limit="calls")
    assert Ending(answer=ANSWER).exit_status == 0
    assert Ending(error=ModelRejected("no")).exit_status == 1
    assert Ending(answer=partial, error=BudgetExceeded("the run", "calls", 1, 0)).exit_status == 1
    assert Ending(error=ConfigError("no")).exit_status == 2
    assert Ending(answer=partial).exit_status == 3
    assert Ending(signal=signal.SIGINT).exit_status == 130
    assert Ending(signal=signal.SIGTERM).exit_status == 143


def test_the_answer_ends_with_one_line_break():
    assert answer_text(Ending(answer=ANSWER)) == "forty-two\n"
    assert answer_text(Ending(answer=Answer(text="x"))) == "x\n"
    assert not answer_text(Ending(error=ModelRejected("no")))


def test_json_rounds_seconds_and_keeps_unknown_money_unknown():
    told = json.loads(answer_json(Ending(answer=ANSWER)))
    assert told["usage"] == {"calls": 3, "tokens": 90, "usd": None, "seconds": 1.235}
    assert told["text"] == "forty-two\n"


def test_the_summary_counts_all_and_says_what_was_read(story):
    _, progress = finished(story)
    line = summary(Ending(progress=progress, answer=ANSWER))
    assert line == (
        "complete: 3 nodes, 2 calls, 200 tokens (180 read by models), $0.0010 + unknown, 1.2 s, "
        "input 1 document, 2.0 million characters"
    )


def test_nothing_is_summed_up_where_nothing_ran():
    assert summary(Ending(error=ConfigError("no"))) is None
    assert verdict(Ending(error=ConfigError("no"))) is None


def test_an_interrupted_run_tells_what_it_had(story):
    run, progress = finished(story)
    ending = Ending(progress=progress, signal=signal.SIGINT)
    assert verdict(ending) == "interrupted: no answer yet; 2 of 3 nodes had theirs"
    assert summary(ending).startswith("until then: 3 nodes, 2 calls")
    run.draft(0, "nearly")
    assert (ending.text, ending.status) == ("nearly", "partial")
    assert "draft" in verdict(ending)
    told = json.loads(answer_json(ending))
    assert (told["run"], told["error"], told["usage"]["usd"]) == ("r1", "interrupted", None)


def test_a_partial_answer_names_the_limit_and_the_option(story):
    _, progress = finished(story, calls=2)
    ending = Ending(progress=progress, answer=Answer(text="x", status="partial", limit="calls"))
    assert verdict(ending) == "partial answer: the limit calls=2 was reached; --limit calls=… sets another"
    for limit, said in (("consecutive_errors", "stronger --model"), ("answer_bytes", "answer bytes"), (None, "early")):
        assert said in verdict(Ending(progress=progress, answer=Answer(text="x", status="partial", limit=limit)))


def test_errors_speak_of_options_not_of_arguments():
    error = ConfigError("host wants a key (401): pass api_key, or check api_base\nand more\x1b[2J")
    assert error_line(error) == "error: host wants a key (401): pass --api-key-env, or check --api-base and more"
    assert (
        error_line(ConfigError("ask for Sandbox(mode='process') by name")) == "error: ask for --sandbox process by name"
    )
    assert error_line(Unanswered("no answer after 5 turns")).endswith("a stronger --model may do better")
    assert error_line(ModelRejected()) == "error: ModelRejected"
