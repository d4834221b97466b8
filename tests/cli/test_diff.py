"""`rlm-async diff`: the first thing that is not the same, and the totals of both."""

from __future__ import annotations

import json

import pytest

JOURNAL = ("--journal", "runs.sqlite")


@pytest.fixture
def runs(command, endpoint):
    """Asks the same question once for each reply, and returns the runs' names."""

    def ask(*replies):
        server = endpoint(list(replies))
        return [
            json.loads(command("ask", "What is it?", *server.options, *JOURNAL, "--json", "-q").stdout)["run"]
            for _ in replies
        ]

    return ask


def test_equal_runs_are_equal(command, runs):
    one, other = runs("It is so.", "It is so.")
    done = command("diff", one, other, *JOURNAL)
    assert done.returncode == 0
    assert "They tell the same" in done.stdout


def test_the_first_difference_is_shown_with_the_totals(command, runs):
    one, other = runs("It is so.\nReally.", "It is not so.\nReally.")
    done = command("diff", one, other, *JOURNAL)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "They part at node 0 (the root), turn 1: reply:" in lines
    assert [line for line in lines if (line[:1] in {"-", "+", " "} and "It" in line) or "Really" in line][:3] == [
        "-It is so.",
        "+It is not so.",
        " Really.",
    ]
    assert any(line.split() == ["calls", "1", "1"] for line in lines)


def test_for_programs(command, runs):
    one, other = runs("It is so.", "It is not so.")
    told = json.loads(command("diff", one, "last", *JOURNAL, "--json").stdout)
    assert (told["same"], told["parted"]["kind"], told["parted"]["turn"], told["parted"]["place"]) == (
        False,
        "reply",
        1,
        [],
    )
    assert (told["parted"]["a"]["text"], told["parted"]["b"]["text"]) == ("It is so.", "It is not so.")
    assert (told["a"]["run"], told["b"]["run"]) == (one, other)


def test_runs_of_two_journals_are_compared(command, endpoint, runs):
    (one,) = runs("It is so.")
    server = endpoint("It is so.")
    command("ask", "What is it?", *server.options, "--journal", "other.sqlite", "-q")
    assert command("diff", one, "last", *JOURNAL, "--second-journal", "other.sqlite").returncode == 0
