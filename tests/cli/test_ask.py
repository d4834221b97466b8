"""`rlm-async ask`: what it prints where, and with which status it ends; what matters most as a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from rlm_async.testing import Served

WORKS = '```repl\nFINAL(f"{len(context)} characters")\n```'
BROKEN = "```repl\nprint(1 / 0)\n```"


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("Call me Ishmael. " * 50)
    return path


def one_error(done, status):
    """The one line that a failed command prints."""
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == status, done.stderr
    assert len(errors) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "rlm_async/" not in done.stderr
    assert not done.stdout
    return errors[0]


def test_the_answer_alone_goes_to_stdout(process, endpoint, text):
    done = process("ask", "who speaks?", text, *endpoint("Ishmael").options)
    assert (done.returncode, done.stdout) == (0, "Ishmael\n")
    lines = done.stderr.splitlines()
    assert lines[0] == "read 1 document, 850 characters"
    assert lines[-1].startswith("complete: 1 node, 1 call, ")
    assert "price unknown" in lines[-1]


def test_quiet_says_nothing_but_the_answer(command, endpoint, text):
    done = command("ask", "who speaks?", text, "--quiet", *endpoint("Ishmael").options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Ishmael\n", "")


def test_json_is_one_object_with_everything(command, endpoint, text):
    done = command("ask", "who speaks?", text, "--json", "--quiet", *endpoint("Ishmael").options)
    told = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert set(told) == {"text", "data", "status", "usage", "run"}
    assert (told["text"], told["data"], told["status"]) == ("Ishmael", "Ishmael", "complete")
    assert set(told["usage"]) == {"calls", "tokens", "usd", "seconds"}
    assert told["usage"]["calls"] == 1
    assert told["usage"]["usd"] is None
    assert told["run"]


def test_standard_input_is_read_where_a_dash_says_so(process, endpoint):
    served = endpoint("blue")
    done = process("ask", "which colour?", "-", *served.options, stdin="the whale was blue")
    assert done.stdout == "blue\n"
    assert "the whale was blue" in str(served.server.requests[0].body)


def test_a_run_with_code_and_sub_queries_ends_complete(command, endpoint, text):
    done = command("ask", "how long?", text, "--strategy", "repl", *endpoint(WORKS).options)
    assert (done.returncode, done.stdout) == (0, "850 characters\n")


def test_a_schema_makes_the_answer_data(command, endpoint, tmp_path):
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "properties": {"year": {"type": "integer"}}, "required": ["year"]}')
    done = command("ask", "when?", "--schema", schema, "--json", *endpoint('{"year": 1851}').options)
    assert json.loads(done.stdout)["data"] == {"year": 1851}


def test_a_limit_gives_a_partial_answer_and_names_it(command, endpoint, text):
    loop = '```repl\nanswer["content"] = "a draft"\nprint(llm_query("more?"))\n```'
    options = endpoint(lambda asked: "no" if asked.prompt == "more?" else loop).options
    done = command("ask", "who?", text, "--strategy", "repl", "--limit", "turns=2", *options)
    assert done.returncode == 3, done.stderr
    assert "partial answer: the limit turns=2 was reached; --limit turns=… sets another" in done.stderr
    told = json.loads(
        command("ask", "who?", text, "--strategy", "repl", "--limit", "turns=2", "--json", *options).stdout
    )
    assert (told["status"], told["limit"]) == ("partial", "turns")


def test_strict_makes_a_partial_answer_an_error(command, endpoint, text):
    loop = '```repl\nprint("on and on")\n```'
    options = endpoint(loop).options
    done = command("ask", "who?", text, "--strategy", "repl", "--limit", "turns=2", "--strict", *options)
    assert done.returncode == 1
    assert "error: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("who?", "missing.txt"), "missing.txt does not exist"),
        (("who?", sys.executable), "is a program"),
        (("",), "the question is empty"),
        (("  ",), "the question is empty"),
        (("who?", "--limit", "calls"), "write NAME=AMOUNT"),
        (("who?", "--limit", "cents=5"), "write NAME=AMOUNT"),
        (("who?", "--limit", "calls=many"), "'many' is not a number"),
        (("who?", "--limit", "calls=1.5"), "whole numbers"),
        (("who?", "--limit", "calls=0"), "calls=0"),
        (("who?", "--limit", "depth=1", "--depth", "2"), "given twice"),
        (("who?", "--rate", "rps=3"), "one of rpm, tpm"),
        (("who?", "--depth", "-1"), "depth=-1"),
        (("who?", "--concurrency", "0"), "concurrency=0"),
        (("who?", "--strategy", "magic"), "no strategy 'magic'"),
        (("who?", "--profile", "nobodys"), "no profile 'nobodys'"),
        (("who?", "--sandbox", "none"), "there is no sandbox 'none'"),
        (("who?", "--schema", "missing.json"), "cannot read the schema missing.json"),
        (("who?", "--journal", "runs.db", "--journal-content", "some"), "full, no-context, none"),
        (("who?", "--journal", "."), "cannot be opened"),
        (("who?", "--api-key-env", "NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE"),
        (("who?", "--limit", "usd=1"), "the price of 'openai/m' is unknown"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(command, endpoint, arguments, said):
    assert said in one_error(command("ask", *arguments, *endpoint("hm").options), 2)


def test_an_unknown_option_is_status_2_without_a_traceback(command):
    done = command("ask", "who?", "--modell", "x")
    assert done.returncode == 2
    assert "No such option" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_binary_file_is_named_and_refused(process, endpoint, tmp_path):
    (tmp_path / "blob.bin").write_bytes(bytes(range(256)) * 40)
    assert "blob.bin" in one_error(process("ask", "who?", "blob.bin", *endpoint("hm").options), 2)


def test_an_unknown_model_name_is_said_before_anything_runs(process):
    assert "no-such-model" in one_error(process("ask", "who?", "--model", "no-such-model"), 2)


def test_a_model_that_the_endpoint_does_not_know_fails(command, endpoint):
    served = endpoint("hm", models={"other": 8_000})
    assert "does not know the model 'm'" in one_error(command("ask", "who?", *served.options), 1)


def test_a_wrong_key_fails_and_is_never_shown(process, endpoint):
    served = endpoint("hm", key="right")
    done = process("ask", "who?", *served.options, "--api-key-env", "MY_KEY", MY_KEY="sk-wrong-secret")
    assert "refused the key (401): check --api-key-env" in one_error(done, 2)
    assert "sk-wrong-secret" not in done.stderr


def test_the_key_of_the_named_variable_is_used(command, endpoint):
    served = endpoint("hm", key="right")
    assert command("ask", "who?", *served.options, "--api-key-env", "MY_KEY", MY_KEY="right").returncode == 0
    assert command("ask", "who?", *served.options, OPENAI_API_KEY="right").returncode == 0


def test_a_key_given_as_an_argument_is_refused_and_not_repeated(command, endpoint):
    done = command("ask", "who?", *endpoint("hm").options, "--api-key-env", "sk-abc/123")
    assert "not a key" in one_error(done, 2)
    assert "sk-abc" not in done.stderr


def test_an_endpoint_that_is_not_there_is_named(process):
    done = process("ask", "who?", "--model", "openai/m", "--api-base", "http://127.0.0.1:9/v1")
    error = one_error(done, done.returncode)
    assert done.returncode in {1, 2}
    assert "cannot reach 127.0.0.1:9" in error
    assert "--api-base" in error


def test_a_model_that_never_writes_code_ends_in_one_line(process, endpoint, text):
    done = process("ask", "who?", text, "--strategy", "repl", *endpoint("I would look at the text.").options)
    assert done.returncode in {1, 3}
    assert "too many turns in a row did not work; a stronger --model may do better" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_writes_only_broken_code_ends_in_one_line(process, endpoint, text):
    done = process("ask", "who?", text, "--strategy", "repl", *endpoint(BROKEN).options)
    assert "a stronger --model may do better" in one_error(done, 1)
    assert done.stderr.splitlines()[-1].startswith("failed: 1 node, 6 calls")


def test_an_error_with_json_is_an_object_too(command, endpoint, text):
    done = command("ask", "who?", text, "--strategy", "repl", "--json", *endpoint(BROKEN).options)
    told = json.loads(done.stdout)
    assert (done.returncode, told["status"], told["text"]) == (1, "failed", "")
    assert "no answer" in told["error"]
    assert told["usage"]["calls"] == 6
    told = json.loads(command("ask", "who?", "missing.txt", "--json", *endpoint("hm").options).stdout)
    assert (told["status"], told["usage"]["calls"]) == ("failed", 0)


def test_without_any_model_the_local_one_is_named_with_its_command(process):
    error = one_error(process("ask", "who?"), 2)
    assert "rlm-async local install" in error
    assert "--model" in error


def test_an_endpoint_without_a_model_asks_for_one(command):
    assert "--api-base needs --model" in one_error(command("ask", "who?", "--api-base", "http://127.0.0.1:9/v1"), 2)


def test_the_environment_names_the_default_model(command, endpoint):
    served = endpoint("yes")
    done = command("ask", "who?", "--api-base", served.url, RLM_ASYNC_MODEL="openai/m")
    assert done.stdout == "yes\n"


def test_a_reply_cannot_drive_the_terminal(command, endpoint):
    hostile = "safe\x1b]0;owned\x07\x1b[2J \u202egnp.exe"
    done = command("ask", "who?", *endpoint(hostile).options)
    assert done.stdout == "safe gnp.exe\n"
    told = command("ask", "who?", "--json", *endpoint(hostile).options).stdout
    assert "\x1b" not in told
    assert json.loads(told)["text"] == hostile


def test_a_reader_that_goes_early_is_no_error(environ, endpoint, tmp_path):
    served = endpoint("word " * 500)
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "rlm_async", "ask", "who?", *served.options],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environ,
    )
    os.close(write)
    os.close(read)
    _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert "Exception ignored" not in stderr
    assert process.returncode == 0


def test_an_answer_that_the_encoding_does_not_know_is_escaped(process, endpoint):
    done = process("ask", "who?", *endpoint("naïve ☃").options, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout == "na\\xefve \\u2603\n"


def test_a_server_that_fails_later_says_so_once(command, endpoint, text):
    served = endpoint([WORKS.replace("FINAL", "print"), Served(status=400, text="bad request: temperature")])
    done = command("ask", "how long?", text, "--strategy", "repl", *served.options)
    assert "bad request: temperature" in one_error(done, 1)
    assert done.stderr.splitlines()[-1].startswith("failed: 1 node, 2 calls")


def test_quotes_stand_below_the_answer_with_their_places(command, endpoint, text):
    quote = '{"claim": "a name", "document": "context", "quote": "Call me Ishmael."}'
    reply = f'{{"answer": "Ishmael", "citations": [{quote}]}}'
    done = command("ask", "who speaks?", text, "--cite", *endpoint(reply).options)
    name, place = done.stdout.splitlines()
    assert name == "Ishmael"
    assert place.endswith(', characters 0 to 16: "Call me Ishmael."'), place
    told = json.loads(command("ask", "who speaks?", text, "--cite", "--json", *endpoint(reply).options).stdout)
    assert told["text"] == "Ishmael"
    assert told["citations"] == [
        {"claim": "a name", "document": place[4 : place.index(",")], "quote": "Call me Ishmael.", "start": 0, "end": 16}
    ]
