"""`rlm-async show`: from a journal to a page."""

from __future__ import annotations

import re
import webbrowser

import anyio
import pytest
from typer.testing import CliRunner

from rlm_async.cli.app import app
from rlm_async.core import events
from rlm_async.core.answer import Answer
from rlm_async.journal import Journal, Opening
from tests.viewer.runs import simulated
from tests.viewer.test_records import unpacked


@pytest.fixture
def journal(tmp_path):
    """A journal that keeps one run."""
    path = tmp_path / "journal.sqlite"
    trace = simulated((3, 2))
    started, ended = trace[0], trace[-1]

    async def write():
        with Journal(path) as kept:
            opening = Opening(
                run=started.run,
                started=started.started,
                query=started.query,
                limits=started.limits,
                sub_model=started.query.model,
            )
            recording = kept.begin(opening)
            for event in trace:
                recording(event)
            await recording.end(Answer(text=ended.text, run=ended.run, trace=tuple(trace)))

    anyio.run(write)
    return path


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, **environ):
        return CliRunner().invoke(app, ["show", *map(str, arguments)], env={"RLM_ASYNC_JOURNAL": None, **environ})

    return run


def test_the_last_run_becomes_a_page_in_this_folder(command, journal, tmp_path):
    done = command("--journal", journal)
    assert done.exit_code == 0, done.stderr
    page = tmp_path / done.stdout.strip()
    assert page.name == "run-20261123T001500-3fa9c1.html"
    assert len(unpacked(page.read_text(encoding="utf-8"))["index"]["nodes"]) == 10
    assert "10 nodes" in done.stderr


def test_a_run_is_named_by_its_beginning_and_the_journal_by_the_environment(command, journal, tmp_path):
    done = command("20261123", "-o", tmp_path / "page.html", RLM_ASYNC_JOURNAL=str(journal))
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "page.html").stat().st_size > 50_000


def test_a_page_can_go_to_stdout_without_its_texts(command, journal):
    done = command("--journal", journal, "--no-content", "-o", "-")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("<!doctype html>")
    assert re.search("contracts/|renew", done.stdout) is None


def test_the_browser_is_given_the_file(command, journal, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(webbrowser, "open", lambda address: given.append(address) or True)
    assert command("--journal", journal, "--open", "-o", tmp_path).exit_code == 0
    assert given == [(tmp_path / "run-20261123T001500-3fa9c1.html").as_uri()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nosuchrun",), "nosuchrun"),
        (("--open", "-o", "-"), "--open needs a file"),
        (("-o", "no/such/folder/page.html"), "cannot write"),
    ],
)
def test_what_cannot_be_shown_is_said_with_the_fix(command, journal, arguments, said):
    done = command(*arguments, "--journal", journal)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_journal_that_is_not_there_is_not_made(command, tmp_path):
    done = command("--journal", tmp_path / "none.sqlite")
    assert done.exit_code == 2
    assert not (tmp_path / "none.sqlite").exists()


def test_a_run_that_was_killed_is_shown_as_far_as_it_went(command, tmp_path):
    path = tmp_path / "journal.sqlite"
    trace = simulated((3, 2))[:40]
    started = trace[0]
    with Journal(path) as kept:
        recording = kept.begin(
            Opening(
                run=started.run,
                started=started.started,
                query=started.query,
                limits=started.limits,
                sub_model=started.query.model,
            )
        )
        for event in trace:
            recording(event)
        kept.flush()
        done = command("--journal", path, "-o", "-")
    assert done.exit_code == 0, done.stderr
    index = unpacked(done.stdout)["index"]
    assert not index["run"]["ended"]
    assert len(index["nodes"]) == sum(isinstance(event, events.NodeAdded) for event in trace)
