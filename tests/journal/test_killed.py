"""kill -9 in the middle of a run, then the same command again: same answer, no answered call asked twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path

import pytest

from rlm_async.journal import Journal
from rlm_async.testing import LoopbackServer
from tests.journal.conftest import code

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
CALLS = 200
LINES = f"[f'What is the colour? {{line}}' for line in context.splitlines()[:{CALLS}]]"
ANSWER = code("answer['content'] = ' '.join(replies)", "answer['ready'] = True")
PROGRAMS = {
    "plain": (code("global replies", f"replies = await ask(*{LINES})", "print(len(replies))"), ANSWER),
    "jailed": (code(f"replies = llm_query_batched({LINES})", "print(len(replies))"), ANSWER),
}
"""A crowded machine may fail to start a worker in time; whether the journal is right must not depend on that."""
WHOLE = " ".join(f"colour-{number}" for number in range(CALLS))


@pytest.fixture
def anyio_backend():
    """The loopback server is asyncio's."""
    return "asyncio"


class Provider:
    """Answers what it is asked; `holding` lets that many through, and keeps the rest waiting for ever."""

    def __init__(self, program, holding=None):
        self.program = program
        self.holding = holding
        self.asked = []
        self.answered = Counter()

    async def __call__(self, asked):
        messages = asked.body["messages"]
        if messages[0]["role"] == "system":
            text = self.program[sum(message["role"] == "assistant" for message in messages)]
        else:
            text = asked.prompt.rpartition(" ")[2].rstrip(".")
        self.asked.append(asked.prompt)
        if self.holding is not None and len(self.asked) > self.holding:
            await asyncio.sleep(3_600)
        self.answered[asked.prompt] += 1
        return text


async def started(url, path, where):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-m", "tests.journal.killed", url, str(path), where]
    return await asyncio.create_subprocess_exec(*program, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE)


async def written(path, count):
    """Wait until the journal holds so many completions: read beside the writer, as any other process may."""
    while True:
        try:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
                (found,) = connection.execute("SELECT count(*) FROM completions").fetchone()
            connection.close()
        except sqlite3.OperationalError:
            found = 0
        if found >= count:
            return
        await asyncio.sleep(0.02)


async def ended(process):
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return out.decode().splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["plain", "jailed"])
async def test_kill_9_in_the_middle_and_resume(path, where):
    provider = Provider(PROGRAMS[where], holding=90)
    async with LoopbackServer(provider) as server:
        process = await started(server.url, path, where)
        await asyncio.wait_for(written(path, 90), 60)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        first = Counter(provider.answered)

        provider.holding = None
        text, counts = await ended(await started(server.url, path, where))

    assert text == WHOLE
    assert first.total() == 90
    assert max(provider.answered.values()) == 1  # no answered call was asked twice
    assert provider.answered.total() == CALLS + 2
    assert counts == f"{CALLS + 2} 90"
    with Journal(path, create=False) as journal:
        again, killed = journal.runs()
        assert (killed.status, again.status, again.origin) == ("interrupted", "complete", killed.run)
        assert [event.code for event in journal.events(killed.run) if hasattr(event, "code")] == [
            PROGRAMS[where][0].removeprefix("```repl\n").removesuffix("\n```")
        ]


@pytest.mark.slow
async def test_kill_9_at_any_moment_leaves_a_journal_that_is_whole(path):
    provider = Provider(PROGRAMS["plain"])
    async with LoopbackServer(provider) as server:
        for moment in (20, 60, 130):
            process = await started(server.url, path, "plain")
            while len(provider.asked) < moment and process.returncode is None:
                await asyncio.sleep(0.005)
            process.kill()
            await process.wait()
        text, _ = await ended(await started(server.url, path, "plain"))
    assert text == WHOLE
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    in_flight = 64  # what had been answered, and was on its way when the process died, is lost each time
    assert provider.answered.total() <= CALLS + 2 + 3 * in_flight
    with Journal(path, create=False) as journal:
        for run in journal.runs():
            assert len(journal.events(run.run)) > 0
