"""Runs that are kept: a scripted model, and a sandbox in this process whose cells are plain coroutines."""

from __future__ import annotations

import textwrap
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from rlm_async import RLM
from rlm_async.core.query import SubQuery
from rlm_async.core.transcript import CodeError, Output, Submission
from rlm_async.errors import ModelRejected
from rlm_async.journal import Journal
from rlm_async.testing import ScriptedModel

LONG = "nothing to see here. " * 8_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.sqlite"


@pytest.fixture
def journal(path):
    with Journal(path) as opened:
        yield opened


@dataclass
class PlainSandboxes:
    """Runs cells as they are, in this process: `await ask(*prompts)` asks sub-queries, `await tool(name, …)` a tool."""

    opened: int = 0
    extra: dict = field(default_factory=dict)

    @asynccontextmanager
    async def open(self, context, host):
        self.opened += 1
        yield PlainSandbox(context, host, dict(self.extra))


class PlainSandbox:
    layers = ("none",)

    def __init__(self, context, host, names):
        self._host = host
        self._out = []
        self._answer = {"content": None, "ready": False}
        self._names = {
            "context": context.text,
            "ask": self._ask,
            "sub": self._sub,
            "tool": self._tool,
            "answer": self._answer,
            "budget": host.budget,
            "print": lambda *words: self._out.append(" ".join(map(str, words))),
            **names,
        }

    async def run(self, code):
        self._out.clear()
        source = f"async def cell():\n{textwrap.indent(code, '    ')}\n"
        error = None
        try:
            exec(source, self._names)  # noqa: S102 - code of the test's own
            await self._names["cell"]()
        except (RuntimeError, LookupError, ValueError) as failure:
            error = CodeError(type(failure).__name__, str(failure))
        text = "\n".join(self._out)
        submitted = Submission(self._answer["content"])
        ready = self._answer["ready"]
        return Output(
            stdout=text,
            stdout_characters=len(text),
            error=error,
            outcome="ok" if error is None else "error",
            answer=submitted if ready else None,
            draft=None if ready or submitted.value is None else submitted,
        )

    async def variables(self):
        return {}

    async def _ask(self, *prompts, kind="llm", **more):
        replies = await self._host.spawn([SubQuery(kind=kind, prompt=prompt, **more) for prompt in prompts])
        return [reply.value if reply.error is None else f"Error: {reply.error}: {reply.message}" for reply in replies]

    async def _sub(self, *prompts, **more):
        return await self._ask(*prompts, kind="rlm", **more)

    async def _tool(self, name, *arguments, **named):
        reply = await self._host.tool(name, arguments, named)
        if reply.error is not None:
            raise RuntimeError(reply.message)
        return reply.value


def code(*lines):
    return "```repl\n" + "\n".join(lines) + "\n```"


def is_root(request):
    return request.messages[0].role == "system"


@dataclass
class Player:
    """A model: writes the `programs` in turn where it has a REPL, and answers a leaf by `leaf`; fails where told to."""

    programs: tuple
    leaf: object = staticmethod(lambda prompt: f"<{prompt}>")
    fails: frozenset = frozenset()

    def model(self):
        return ScriptedModel(self._play)

    def _play(self, request):
        prompt = request.messages[-1].text
        if is_root(request):
            turn = sum(message.role == "assistant" for message in request.messages)
            return self.programs[min(turn, len(self.programs) - 1)]
        if prompt in self.fails:
            return ModelRejected(f"not today: {prompt}")
        return self.leaf(prompt)


FAN = (
    code("found = await ask(*[f'piece {i}' for i in range(8)])", "global kept; kept = found", "print(len(found))"),
    code("answer['content'] = ' '.join(kept) if 'kept' in globals() else 'lost'", "answer['ready'] = True"),
)


@pytest.fixture
def player():
    return Player


@pytest.fixture
def kept(path):
    """An RLM over a model, whose runs are kept, without a process for its code."""

    def make(model, journal=path, **settings):
        settings.setdefault("sandbox", PlainSandboxes())
        settings.setdefault("strategy", "repl")
        return RLM(model, journal=journal, **settings)

    return make
