"""The file itself: what goes wrong with it, who may share it, how it grows old and small."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import stat
import threading
import time
from pathlib import Path

import pytest

from rlm_async.core.answer import Answer
from rlm_async.core.context import Context
from rlm_async.core.events import ModelReplied, NodeAdded, RunEnded, RunStarted
from rlm_async.core.messages import Completion, Message, Place, Request
from rlm_async.core.query import Query
from rlm_async.core.usage import Limits, ModelInfo, Price, Usage
from rlm_async.errors import ConfigError
from rlm_async.journal import Journal, Opening, RunFilter, owner
from rlm_async.journal import schema as form
from rlm_async.journal.schema import STEPS, VERSION, connected

DATA = Path(__file__).parent / "data"


def opening(run="run-1", prompt="what?", context="the long input", **more):
    query = Query(prompt=prompt, context=Context.of(context), model="m")
    return Opening(run=run, started=1_000.0, query=query, limits=Limits(usd=1.0), sub_model="s", version="9", **more)


def trace(run="run-1", prompt="what?", context="the long input", text="this"):
    query = Query(prompt=prompt, context=Context.of(context), model="m")
    usage = Usage(calls=1, prompt_tokens=10, completion_tokens=5, nanos=7)
    return [
        RunStarted(at=0.0, run=run, started=1_000.0, query=query, limits=Limits(usd=1.0)),
        NodeAdded(at=0.0, node=0, parent=None, depth=0, query=query),
        ModelReplied(at=1.0, node=0, call=0, model="m", usage=usage, text=text),
        RunEnded(at=2.0, run=run, status="complete", text=text, usage=usage),
    ]


def rows(path, table):
    connection = sqlite3.connect(path)
    (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - a name of ours
    connection.close()
    return number


def write(journal, run="run-1", text="this", **more):
    recording = journal.begin(opening(run, **more))
    for event in trace(run, text=text, **more):
        recording(event)
    journal.flush()
    return recording


def test_a_run_is_read_as_it_was_written(journal):
    infos = {"m": ModelInfo(name="called otherwise", window=100, price=Price(prompt=1.0, completion=2.0))}
    recording = journal.begin(opening(infos=infos, tools={"f": "f(x): does"}, folding="none", batch="b", item="i"))
    for event in trace():
        recording(event)
    journal.flush()
    (run,) = journal.runs()
    assert (run.run, run.status, run.question, run.text, run.nodes) == ("run-1", "complete", "what?", "this", 1)
    assert (run.started, run.ended, run.seconds) == (1_000.0, 1_002.0, 2.0)
    assert run.usage == Usage(calls=1, prompt_tokens=10, completion_tokens=5, nanos=7)
    assert (run.limits, run.infos, run.tools) == (Limits(usd=1.0), infos, {"f": "f(x): does"})
    assert (run.batch, run.item, run.folding, run.version) == ("b", "i", "none", "9")
    assert (run.context.characters, run.context.kept) == (14, True)
    assert journal.context(run.context.digest) == Context.of("the long input")
    assert journal.events("run-1") == trace()
    assert journal.events_after("run-1", 1) == list(enumerate(trace()))[2:]


def test_a_run_is_found_by_the_beginning_of_its_name_or_as_the_last(journal):
    for name in ("20261122-aa", "20261122-ab", "20261123-aa"):
        write(journal, name)
    assert journal.run("20261123").run == journal.run("last").run == "20261123-aa"
    with pytest.raises(ConfigError, match=r"several runs begin with '20261122' \(20261122-aa, 20261122-ab\)"):
        journal.run("20261122")
    for name in ("nothing", "", "2026%"):
        with pytest.raises(ConfigError, match="there is no run"):
            journal.run(name)


def test_runs_are_found_by_words_in_any_alphabet(journal):
    write(journal, "run-1", prompt="Über ÇA")
    assert len(journal.runs(RunFilter(text="über ça"))) == len(journal.runs(RunFilter(text="ÜBER"))) == 1


def test_an_empty_journal_has_no_last_run(journal):
    assert journal.runs() == []
    with pytest.raises(ConfigError, match="there is no run 'last'"):
        journal.run("last")


def test_a_price_that_is_unknown_stays_so_in_the_sum(journal):
    recording = journal.begin(opening())
    for nanos in (7, None, 7):
        recording(ModelReplied(at=1.0, node=0, call=0, model="m", usage=Usage(calls=1, nanos=nanos)))
    journal.flush()
    assert (journal.run("last").usage.calls, journal.run("last").usage.nanos) == (3, None)


def test_equal_contexts_and_texts_are_kept_once(journal, path):
    for number in range(20):
        write(journal, f"run-{number}", context="word " * 40_000, text="reply " * 1_000)
    counts = [rows(path, name) for name in ("contexts", "texts")]
    assert counts == [1, 3]  # its text, what describes it, the reply


def test_deleting_a_run_deletes_what_only_it_has_used(journal, path):
    write(journal, "run-1", context={"a": "shared " * 100, "b": "own " * 100}, text="reply " * 100)
    write(journal, "run-2", context={"a": "shared " * 100}, text="reply " * 100)
    journal.delete(["run-1", "no such run"])
    assert [run.run for run in journal.runs()] == ["run-2"]
    assert journal.events("run-2") == trace("run-2", context={"a": "shared " * 100}, text="reply " * 100)
    left = {name: rows(path, name) for name in ("events", "contexts", "texts", "uses")}
    assert left == {"events": 4, "contexts": 1, "texts": 3, "uses": 3}
    journal.delete(["run-2"])
    journal.vacuum()
    assert journal.size < 200_000


def test_a_deleted_text_is_written_again_when_it_is_needed_again(journal):
    write(journal, "run-1", text="reply " * 1_000)
    journal.delete(["run-1"])
    write(journal, "run-2", text="reply " * 1_000)
    assert journal.events("run-2")[-1].text == "reply " * 1_000


def test_a_run_that_is_deleted_while_it_goes_on_does_not_harm_the_others(journal, caplog):
    deleted, other = journal.begin(opening("run-1")), journal.begin(opening("run-2"))
    journal.delete(["run-1"])
    for first, second in zip(trace("run-1"), trace("run-2"), strict=True):
        deleted(first)
        other(second)
    journal.flush()
    assert [run.run for run in journal.runs()] == ["run-2"]
    assert journal.events("run-2") == trace("run-2")
    assert "deleted while it went on" in caplog.text


def test_rows_that_come_together_are_committed_together(journal, path):
    recording = journal.begin(opening())
    event = trace()[1]
    before = journal.commits
    busy = sqlite3.connect(path, isolation_level=None)
    busy.execute("BEGIN IMMEDIATE")
    for _ in range(400):
        recording(event)
    busy.close()
    journal.flush()
    assert journal.commits - before <= 3
    assert len(journal.events("run-1")) == 400


def test_threads_may_share_a_journal(journal):
    threads = [threading.Thread(target=write, args=(journal, f"run-{number}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {run.status for run in journal.runs()} == {"complete"}
    assert len(journal.runs()) == 8


def write_many(path, name):
    with Journal(path) as journal:
        for number in range(5):
            write(journal, f"{name}-{number}", context="the same " * 1_000)


def test_processes_may_share_a_file(path):
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=write_many, args=(path, f"process-{number}")) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with Journal(path) as journal:
        runs = journal.runs()
        assert (len(runs), {run.status for run in runs}) == (15, {"complete"})
        assert all(len(journal.events(run.run)) == 4 for run in runs)


# Migration


def test_a_journal_of_version_1_is_brought_up_to_date_and_read(path):
    shutil.copy(DATA / "version_1.sqlite", path)
    with Journal(path) as journal:
        (old,) = journal.runs()
        assert (old.text, old.status, old.folding, old.usage.calls) == ("four", "complete", "elide", 1)
        kinds = [type(event).__name__ for event in journal.events(old.run)]
        assert (kinds[0], kinds[-1]) == ("RunStarted", "RunEnded")
        assert journal.context(old.context.digest) == Context.of({"a": "a b c d " * 100, "b": "x"})
        assert journal.completions(old.run)[0].completion.text == "four"
        write(journal, "new")
        assert len(journal.runs()) == 2
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    connection.close()


def test_a_migration_that_breaks_off_leaves_the_file_as_it_was(path):
    shutil.copy(DATA / "version_1.sqlite", path)
    with pytest.raises(ConfigError):
        connected(path, create=True, steps=(*STEPS[:2], "CREATE TABLE fine (x); CREATE TABLE runs (x)"))
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT name FROM sqlite_schema WHERE name IN ('tools', 'fine')").fetchall() == []
    connection.close()
    with Journal(path) as journal:
        assert len(journal.runs()) == 1


def test_a_journal_of_a_newer_version_is_left_alone(path):
    Journal(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(ConfigError, match=r"written by a newer rlm-async \(version 99 of its form.*upgrade"):
        Journal(path)


# What is wrong with a file


def test_a_file_of_something_else_is_left_alone(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(ConfigError, match="a database of something else"):
        Journal(path)


def test_a_damaged_file_is_named_with_what_to_do(path):
    with Journal(path) as journal:
        write(journal, context="word " * 10_000)
        journal.vacuum()
    raw = bytearray(path.read_bytes())
    raw[100:] = b"\xff" * (len(raw) - 100)
    path.write_bytes(raw)
    with pytest.raises(ConfigError, match="damaged; move it away"):
        Journal(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be opened: .*; name another file"):
        Journal(tmp_path / "file" / "runs.sqlite")
    with pytest.raises(ConfigError, match="cannot be opened"):
        Journal(tmp_path)


def test_a_file_that_another_program_has_locked_is_named(path, monkeypatch):
    Journal(path).close()
    monkeypatch.setattr(form, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    journal = Journal(path)  # reading goes on beside any writer
    with pytest.raises(ConfigError, match="locked by another program"):
        journal.begin(opening())
    other.close()
    write(journal)  # and once the other has gone, so does writing
    assert journal.run("last").status == "complete"
    journal.close()


def small(journal, pages=0):
    """Let the file grow by no more than so many pages, as on a full disk."""
    connection = journal._writing()._connection
    (count,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={count + pages}")
    return connection


def test_a_full_disk_is_an_error_before_a_run_begins(journal):
    small(journal)
    with pytest.raises(ConfigError, match="the disk is full; free some space"):
        journal.begin(opening(prompt="x" * 100_000))


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_a_disk_that_fills_up_ends_the_journal_and_not_the_run(journal, caplog):
    recording = journal.begin(opening())
    connection = small(journal, 4)
    for event in trace(text="".join(map(str, range(100_000)))):
        recording(event)
    await recording.end(Answer(text="this"))  # no error: the answer is there
    (record,) = [entry for entry in caplog.records if entry.levelname == "WARNING"]
    assert "the disk is full" in record.getMessage()
    assert "runs go on" in record.getMessage()
    for event in trace():
        recording(event)
    connection.execute("PRAGMA max_page_count=1000000")
    write(journal, "run-2")  # the disk is well again: the next run is kept
    assert journal.run("last").run == "run-2"
    assert journal.run("run-1").status in {"running", "interrupted"}


@pytest.mark.anyio
async def test_a_value_that_cannot_be_packed_is_left_out_and_said(journal, caplog):
    recording = journal.begin(opening())
    first, second, *_ = trace()
    recording(first)
    journal.flush()
    recording(ModelReplied(at=0.0, node=0, call=0, model="m", usage=Usage(), text=object()))  # a bug of ours
    recording(second)
    journal.flush()
    assert journal.events("run-1") == [first, second]
    assert "could not be packed" in caplog.text


# Who writes a run


def test_a_process_knows_itself_and_no_other():
    me = owner.this_process()
    host, boot, pid, start = me.split("|")
    assert owner.alive(me)
    assert not owner.alive(f"{host}|{boot}|{2**22 - 1}|{start}")
    assert not owner.alive(f"{host}|another boot|{pid}|{start}")
    assert not owner.alive(f"{host}|{boot}|{pid}|{start}1")
    assert owner.alive(f"another machine|{boot}|{pid}|{start}")


def test_a_run_whose_process_has_gone_was_interrupted(path):
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=begin_only, args=(path,))
    process.start()
    process.join(60)
    with Journal(path) as journal:
        assert journal.run("last").status == "interrupted"
        assert [run.run for run in journal.runs(RunFilter(status="interrupted"))] == ["run-1"]
        assert journal.runs(RunFilter(status="running")) == []
        assert journal.begin(opening("run-2")).origin == "run-1"


def begin_only(path):
    with Journal(path) as journal:
        journal.begin(opening())


# Batches


@pytest.mark.anyio
async def test_runs_of_a_batch_share_what_was_answered_and_others_do_not(path):
    request = Request(model="m", messages=(Message("user", "equal"),), place=Place("r", 3, 1))
    usage = Usage(calls=1, prompt_tokens=10)
    with Journal(path) as journal:
        first = journal.begin(opening("run-1", "one?", batch="b", item="1"))
        assert await first.recall(request, "ab" * 16) is None
        await first.keep(request, "ab" * 16, Completion(text="kept", usage=usage))
        journal.flush()
        second = journal.begin(opening("run-2", "two?", batch="b", item="2"))
        found = await second.recall(request, "ab" * 16)
        assert (found.text, found.usage) == ("kept", Usage())
        other = journal.begin(opening("run-3", "three?", batch="c", item="2"))
        alone = journal.begin(opening("run-4", "four?"))
        assert [await run.recall(request, "ab" * 16) for run in (other, alone)] == [None, None]
        journal.flush()
        assert [kept.free for kept in journal.completions("run-2")] == [True]


@pytest.mark.anyio
async def test_looking_up_what_a_batch_knows_never_suspends_a_last_turn(path):
    with Journal(path) as journal:
        run = journal.begin(opening("run-1", "one?", batch="b"))
        asking = run.recall(Request(model="m", messages=(), last=True), "ab" * 16)
        with pytest.raises(StopIteration):
            asking.send(None)


def test_nothing_is_written_before_a_run_begins_and_reading_makes_no_file(path):
    with pytest.raises(ConfigError, match="there is no journal at"):
        Journal(path, create=False)
    assert not path.exists()
    with Journal(path):
        before = time.time()
    assert path.exists()
    assert before > 0


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_a_journal_is_its_owner_s_alone(journal, path):
    write(journal)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {path.name: 0o600, f"{path.name}-wal": 0o600, f"{path.name}-shm": 0o600}


def test_a_closed_journal_says_so(path):
    journal = Journal(path)
    journal.close()
    journal.close()
    with pytest.raises(ConfigError, match="closed already"):
        journal.begin(opening())
