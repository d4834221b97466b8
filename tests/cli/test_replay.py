"""`rlm-async replay`: the same answer with no server there; a part of it asked anew with one."""

from __future__ import annotations

import json

import pytest

JOURNAL = ("--journal", "runs.sqlite")


@pytest.fixture
def first(command, endpoint):
    """One run that was kept, as `ask --json` told it."""
    server = endpoint(["It is ünïque.", "It is better."])
    done = command("ask", "What is it?", *server.options, *JOURNAL, "--json", "-q")
    return server, json.loads(done.stdout)


def test_a_replay_prints_the_same_bytes_and_asks_nobody(command, first):
    server, told = first
    done = command("replay", told["run"][:17], *JOURNAL)
    assert (done.returncode, done.stdout) == (0, "It is ünïque.\n")
    assert "1 reply from the journal, nothing was asked\nthe same answer\n" in done.stderr
    assert len(server.server.requests) == 1


def test_a_replay_needs_no_model_and_no_key(process, command, endpoint):
    with_server = endpoint("It is ünïque.")
    done = command("ask", "What is it?", *with_server.options, *JOURNAL, "-q")
    again = process("replay", *JOURNAL, "-q")
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_for_programs_it_says_whether_it_is_the_same(command, first):
    _, told = first
    again = json.loads(command("replay", "last", *JOURNAL, "--json", "-q").stdout)
    assert (again["text"], again["same"], again["recalled"], again["strayed"]) == (told["text"], True, 1, 0)


def test_from_a_node_on_it_is_asked_anew_and_kept(command, first):
    server, told = first
    done = command("replay", "last", *JOURNAL, "--from", "0", *server.options, "--prompt", "What is it really?")
    assert (done.returncode, done.stdout) == (0, "It is better.\n")
    assert server.server.requests[-1].prompt.endswith("What is it really?")
    newest, oldest = (json.loads(line) for line in command("runs", *JOURNAL, "--json").stdout.splitlines())
    assert (oldest["run"], newest["origin"]) == (told["run"], told["run"])
    assert f"kept as {newest['run']}" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nosuchrun"], "there is no run 'nosuchrun'"),
        (["last", "--from", "7", "--model", "openai/m"], "has no node 7"),
        (["last", "--model", "openai/m"], "name it with --from"),
    ],
)
def test_what_cannot_be_played_is_said_in_one_line(command, first, options, said):
    done = command("replay", *options, *JOURNAL)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
