"""Runs told as events, for the views; and the command line as a real process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlm_async.cli.app import app
from rlm_async.core import events
from rlm_async.core.context import Context
from rlm_async.core.graph import State
from rlm_async.core.query import Query
from rlm_async.core.transcript import Output, Submission
from rlm_async.core.usage import Limits, Usage
from rlm_async.testing import LoopbackServer

ROOT = Path(__file__).resolve().parents[2]


class Story:
    """Writes the events of a run that never was, to one or more sinks."""

    def __init__(self, *sinks, limits=None, context="the long input"):
        self.sinks = sinks
        self.at = 0.0
        self.nodes = 0
        self.calls = 0
        query = Query(prompt="what is the answer?", context=Context.of(context), model="openai/gpt-5")
        self.tell(events.RunStarted, run="r1", started=0.0, query=query, limits=limits or Limits())

    def tell(self, kind, **facts):
        event = kind(at=self.at, **facts)
        for sink in self.sinks:
            sink(event)

    def node(self, parent=None, depth=0, prompt=None, state=State.RUNNING):
        number, self.nodes = self.nodes, self.nodes + 1
        query = Query(prompt=prompt or f"question {number}", model="openai/gpt-5-mini", strategy="direct")
        self.tell(events.NodeAdded, node=number, parent=parent, depth=depth, query=query)
        if state is not State.QUEUED:
            self.move(number, state)
        return number

    def share(self, node, parent, depth=1):
        query = Query(prompt=f"question {node}", model="openai/gpt-5-mini")
        self.tell(events.NodeAdded, node=node, parent=parent, depth=depth, query=query, shared=True)

    def move(self, node, state, error=""):
        self.tell(events.NodeMoved, node=node, state=state, error=error)

    def ask(self, node):
        self.calls += 1
        self.tell(events.ModelAsked, node=node, call=self.calls, model="m", prompt_characters=400)
        return self.calls

    def reply(self, node, call, tokens=100, nanos=1_000_000):
        usage = Usage(calls=1, prompt_tokens=tokens - 10, completion_tokens=10, nanos=nanos)
        self.tell(events.ModelReplied, node=node, call=call, model="m", usage=usage, text="yes")

    def leaf(self, parent, depth=1, **usage):
        node = self.node(parent, depth)
        self.reply(node, self.ask(node), **usage)
        self.move(node, State.DONE)
        return node

    def draft(self, node, value):
        self.tell(events.CellEnded, node=node, cell=0, output=Output(draft=Submission(value)))

    def end(self, status="complete"):
        self.tell(events.RunEnded, run="r1", status=status, text="forty-two", usage=Usage())


@pytest.fixture
def story():
    return Story


class Endpoint:
    """A loopback model server in a thread, for command lines that run in another process."""

    def __init__(self, replies, **settings):
        self._replies, self._settings = replies, settings
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    async def _serve(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with LoopbackServer(self._replies, **self._settings) as self.server:
            self.url = self.server.url
            self._ready.set()
            await self._over.wait()

    @property
    def options(self):
        return ("--model", "openai/m", "--api-base", self.url)


@pytest.fixture
def endpoint():
    with contextlib.ExitStack() as stack:
        yield lambda replies, **settings: stack.enter_context(Endpoint(replies, **settings))


@pytest.fixture
def environ(tmp_path):
    """Nothing of whoever runs the tests: no keys, no weights, no settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "COVERAGE_PROCESS_START") if name in os.environ}
    return {
        **kept,
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "RLM_ASYNC_CACHE": str(tmp_path / "cache"),
        "RLM_ASYNC_RUNTIME": str(tmp_path / "runtime"),
    }


@dataclass(frozen=True)
class Done:
    """How a command ended, whether here or in a process of its own."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def process(environ, tmp_path):
    """Runs the command line to its end as a real process."""

    def run(*arguments, stdin="", **extra):
        done = subprocess.run(
            [sys.executable, "-m", "rlm_async", *map(str, arguments)],
            capture_output=True,
            input=stdin,
            text=True,
            timeout=90,
            check=False,
            cwd=tmp_path,
            env={**environ, **extra},
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def command(environ, tmp_path, monkeypatch):
    """Runs the command line in this process: a tenth of the time, and what it runs is counted as covered."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(environ):
        monkeypatch.delenv(name)

    def run(*arguments, stdin="", **extra):
        done = CliRunner().invoke(app, list(map(str, arguments)), input=stdin, env={**environ, **extra})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    return run
