"""`rlm-async ask --journal`, `runs`: what was asked is listed, found again, and deleted."""

from __future__ import annotations

import json

import pytest

from rlm_async.cli.runs_place import moment, own, place, size, wanted
from rlm_async.errors import ConfigError
from rlm_async.journal import Journal
from rlm_async.testing import Served


@pytest.fixture
def asked(command, endpoint, tmp_path):
    """Asks questions on the command line, and returns the server's requests."""
    server = endpoint(lambda asked: f"about {asked.prompt[-30:]}")

    def ask(*questions, journal="runs.sqlite", **more):
        for question in questions:
            done = command("ask", question, *server.options, "--journal", journal, "--quiet", *more.get("options", ()))
            assert done.returncode == 0, done.stderr
        return server.server.requests

    return ask


def names(done):
    return [line.split()[0] for line in done.stdout.splitlines()[1:]]


def test_what_was_asked_is_listed_newest_first(command, asked):
    asked("What is the first?", "And the second?")
    done = command("runs", "--journal", "runs.sqlite")
    heading, second, first = done.stdout.splitlines()
    assert heading.split() == ["RUN", "STATUS", "BEGUN", "TOOK", "NODES", "CALLS", "PAID", "QUESTION"]
    assert (second.endswith("And the second?"), first.endswith("What is the first?")) == (True, True)
    assert "complete" in first
    assert done.stderr.startswith("2 runs: 2 calls, ")


def test_for_programs_each_run_is_one_object(command, asked):
    asked("What is the first?")
    (line,) = command("runs", "--journal", "runs.sqlite", "--json").stdout.splitlines()
    told = json.loads(line)
    assert told["question"] == "What is the first?"
    assert told["paid"]["calls"] == told["usage"]["calls"] == 1
    assert told["text"].startswith("about ")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--text", "SECOND"], 1),
        (["--text", "about"], 2),
        (["--status", "complete"], 2),
        (["--status", "failed"], 0),
        (["--since", "1h"], 2),
        (["--before", "1h"], 0),
        (["-n", "1"], 1),
        (["--batch", "none"], 0),
    ],
)
def test_runs_are_filtered(command, asked, options, found):
    asked("What is the first?", "And the second?")
    assert len(names(command("runs", "--journal", "runs.sqlite", *options))) == found


def test_a_filter_that_is_none_is_refused(command, asked):
    asked("What is the first?")
    for options in (["--status", "done"], ["--since", "yesterday"]):
        done = command("runs", "--journal", "runs.sqlite", *options)
        assert (done.returncode, done.stdout) == (2, "")
        assert options[1] in done.stderr


def test_where_there_is_no_journal_nothing_is_made(command, tmp_path):
    done = command("runs", "--journal", "nowhere.sqlite")
    assert (done.returncode, done.stderr) == (
        2,
        "error: there is no journal at nowhere.sqlite; name the file that --journal was given\n",
    )
    assert list(tmp_path.glob("*.sqlite")) == []


def test_nothing_is_kept_that_nobody_asked_for(command, endpoint, tmp_path):
    assert command("ask", "What?", *endpoint("yes").options, "-q").returncode == 0
    assert [path.name for path in tmp_path.rglob("*.sqlite")] == []


def test_the_environment_names_the_journal_of_all_commands(command, endpoint):
    options = endpoint("yes").options
    assert command("ask", "What?", *options, "-q", RLM_ASYNC_JOURNAL="here.sqlite").returncode == 0
    assert len(names(command("runs", RLM_ASYNC_JOURNAL="here.sqlite"))) == 1
    assert command("ask", "What?", "--journal", "none", *options, "-q", RLM_ASYNC_JOURNAL="here.sqlite").returncode == 0
    assert len(names(command("runs", RLM_ASYNC_JOURNAL="here.sqlite"))) == 1


def test_pruning_says_first_what_would_go(command, asked):
    asked("What is the first?", "And the second?")
    before = command("runs", "prune", "--journal", "runs.sqlite", "--text", "first")
    assert (len(names(before)), before.stderr) == (1, "1 run would go; --yes deletes them\n")
    assert len(names(command("runs", "--journal", "runs.sqlite"))) == 2
    command("runs", "prune", "--journal", "runs.sqlite", "--text", "first", "--yes")
    done = command("runs", "--journal", "runs.sqlite")
    assert "first" not in done.stdout
    assert len(names(done)) == 1


def test_pruning_wants_to_be_told_what(command, asked):
    asked("What is the first?")
    done = command("runs", "prune", "--journal", "runs.sqlite", "--yes")
    assert (done.returncode, "say which runs" in done.stderr) == (2, True)


def test_pruning_to_a_size_deletes_the_oldest(command, asked):
    asked(*(f"{number} " * 3_000 for number in range(6)))
    with Journal("runs.sqlite") as journal:
        used = journal.size
    command("runs", "prune", "--journal", "runs.sqlite", "--to-size", f"{used - 1}", "--yes")
    left = command("runs", "--journal", "runs.sqlite", "--json").stdout.splitlines()
    assert 0 < len(left) < 6
    assert json.loads(left[0])["question"].startswith("5 ")


def test_vacuum_gives_the_space_back(command, asked, tmp_path):
    asked(*(" ".join(map(str, range(start, start + 2_000))) for start in range(0, 9_000, 1_000)))
    path = tmp_path / "runs.sqlite"
    command("runs", "prune", "--journal", "runs.sqlite", "--status", "complete", "--yes")
    before = path.stat().st_size
    assert command("runs", "vacuum", "--journal", "runs.sqlite").returncode == 0
    assert path.stat().st_size < before


def test_a_run_without_content_keeps_no_word_of_it(command, asked, tmp_path):
    asked("What is the secret of zanzibar?", options=("--journal-content", "none"))
    assert "(not kept)" in command("runs", "--journal", "runs.sqlite").stdout
    assert b"zanzibar" not in (tmp_path / "runs.sqlite").read_bytes()
    done = command("replay", "last", "--journal", "runs.sqlite")
    assert (done.returncode, "without its content" in done.stderr) == (2, True)


def test_a_content_that_is_none_is_refused_before_anything_is_asked(command, endpoint):
    server = endpoint("yes")
    done = command("ask", "What?", *server.options, "--journal", "runs.sqlite", "--journal-content", "some")
    assert (done.returncode, server.server.requests) == (2, [])
    assert "full, no-context, none" in done.stderr


def test_a_file_that_is_no_journal_is_refused_before_anything_is_asked(command, endpoint, tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, but long enough to look at it twice" * 100)
    server = endpoint("yes")
    done = command("ask", "What?", *server.options, "--journal", "notes.txt")
    assert (done.returncode, server.server.requests) == (2, [])
    assert "notes.txt is no journal; name another file" in done.stderr


def test_times_and_sizes_are_read_as_they_are_written():
    assert moment("--since", "2026-11-22T12:00+00:00") == 1795348800.0
    assert moment("--since", "1h") == pytest.approx(moment("--since", "60m"), abs=5)
    assert (size("--to-size", "500M"), size("--to-size", "1.5gb"), size("--to-size", "7")) == (
        500_000_000,
        1_500_000_000,
        7,
    )
    with pytest.raises(ConfigError, match="500M"):
        size("--to-size", "much")


def test_where_a_journal_is():
    environ = {"RLM_ASYNC_JOURNAL": "env.sqlite"}
    assert (str(place("given", environ)), str(place(None, environ)), place(None, {})) == ("given", "env.sqlite", own())
    assert (wanted(None, {}), wanted("none", environ), wanted("default", {})) == (None, None, own())


def test_a_question_that_failed_is_taken_up_again_and_the_summary_says_so(command, endpoint):
    replies = [Served(status=400, text="no"), "fine", "never"]
    server = endpoint(replies)
    ask = ("ask", "What?", *server.options, "--journal", "runs.sqlite")
    assert command(*ask).returncode == 1
    done = command(*ask)
    assert (done.returncode, done.stdout) == (0, "fine\n")
    newest, oldest = (
        json.loads(line) for line in command("runs", "--journal", "runs.sqlite", "--json").stdout.splitlines()
    )
    assert (oldest["status"], newest["origin"]) == ("failed", oldest["run"])


def test_a_partial_answer_is_not_paid_for_twice(command, endpoint):
    server = endpoint(["```repl\nprint(1)\n```", "in the end"])
    ask = (
        "ask",
        "What?",
        *server.options,
        "--journal",
        "runs.sqlite",
        "--strategy",
        "repl",
        "--limit",
        "turns=1",
        "--json",
    )
    first = json.loads(command(*ask).stdout)
    again = json.loads(command(*ask).stdout)
    assert (first["status"], again["text"], len(server.server.requests)) == ("partial", first["text"], 2)
    assert again["usage"]["recalled"]["calls"] == again["usage"]["calls"] == 2
    anew = json.loads(command(*ask, "--fresh").stdout)
    assert "recalled" not in anew["usage"]
