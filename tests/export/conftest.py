"""Trees made by hand, runs that are really kept, and a server with a template and tokens of its own."""

from __future__ import annotations

import json
import os
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace

import pytest
from aiohttp import web

from rlm_async import RLM
from rlm_async.core.context import EMPTY
from rlm_async.core.messages import Message
from rlm_async.core.usage import NOTHING, Limits, Usage
from rlm_async.export.splitting import marks
from rlm_async.export.tree import Cost, NodeStory, Tree, Turn
from rlm_async.journal import ContextRecord, Journal, RunRecord
from rlm_async.models.local.install import Installer
from rlm_async.models.local.progress import Silent
from rlm_async.models.local.settings import Settings
from rlm_async.models.local.supervisor import Supervisor
from rlm_async.models.local.weights import find
from tests.journal.conftest import PlainSandboxes

FREE = Cost(usage=NOTHING, seconds=0.0)


def spoken(*texts):
    """A system message, then user and assistant in turns."""
    roles = ("system", *("user", "assistant") * len(texts))
    return tuple(Message(role, text) for role, text in zip(roles, texts, strict=False))


def turn(messages, reply, **more):
    return Turn(**{"messages": tuple(messages), "reply": reply, "model": "m", "key": "k", "known": True, **more})


def dialogue(*words):
    """Turns of which each prompt adds to the one before: rules, question, reply, output, reply, …"""
    return tuple(turn(spoken(*words[:end]), words[end]) for end in range(2, len(words), 2))


def story(*turns, path=(), **more):
    given = {
        "path": path,
        "depth": len(path),
        "prompt": "?",
        "context": "c",
        "strategy": "repl",
        "status": "complete",
        "limit": None,
        "cost": FREE,
    }
    return NodeStory(**{**given, **more}, turns=tuple(turns))


def record(run="r", **more):
    given = {
        "run": run,
        "status": "complete",
        "started": 0.0,
        "ended": 2.0,
        "question": "what?",
        "context": ContextRecord(digest="c", shape="text", documents=1, characters=1, description="", kept=True),
        "model": "m",
        "sub_model": "m",
        "strategy": "repl",
        "schema": None,
        "limits": Limits(),
        "infos": {},
        "tools": {},
        "folding": "elide",
        "version": "0",
        "content": "full",
        "usage": Usage(calls=3, prompt_tokens=10, completion_tokens=5, nanos=2_000_000),
        "recalled": NOTHING,
        "nodes": 1,
        "text": "",
        "data": None,
        "limit": None,
        "error": "",
        "origin": "",
        "batch": "",
        "item": "",
    }
    unsaid = {field.name: None for field in fields(RunRecord) if field.name not in given}
    return RunRecord(**{**unsaid, **given, **more})


def tree(run="r", *nodes, score=None, context=EMPTY, **more):
    kept = record(run, **more)
    kept = replace(kept, context=replace(kept.context, digest=context.digest))
    return Tree(record=kept, marks=marks(kept.question, context), nodes=nodes, same=True, score=score)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.sqlite"


@pytest.fixture
def journal(path):
    with Journal(path) as opened:
        yield opened


@pytest.fixture
def kept(journal):
    """An RLM whose runs are kept."""

    def make(model, **settings):
        own = {"strategy": "repl", "sandbox": PlainSandboxes(), "journal": journal, **settings}
        return RLM(model, **own)

    return make


SPECIAL = re.compile(r"(<\|s\|>|<\|e\|>)")


@dataclass
class Toy:
    """A server as llama.cpp's: `<|s|>role\\ntext<|e|>\\n`, and tokens of three bytes at most."""

    strips: bool = False
    """Its template shows earlier replies without spaces around them."""
    spaces: bool = False
    """Its tokens put a space before each text, as some models' do."""
    bos: bool = False
    ends: bool = True
    url: str = ""

    def rendered(self, messages):
        out = ""
        for message in messages:
            text = message["content"].strip() if self.strips and message["role"] == "assistant" else message["content"]
            out += f"<|s|>{message['role']}\n{text}" + ("<|e|>\n" if self.ends else "\n")
        return f"{out}<|s|>assistant\n"

    def tokens(self, text, *, special, first):
        parts = SPECIAL.split(text) if special else [text]
        found = [b"<bos>"] if first and self.bos else []
        for part in parts:
            raw = (" " * (self.spaces and not SPECIAL.fullmatch(part)) + part).encode()
            if special and SPECIAL.fullmatch(part):
                found.append(raw)
            else:
                found += [raw[start : start + 3] for start in range(0, len(raw), 3)]
        return [{"id": self.id(raw), "piece": self.piece(raw)} for raw in found]

    @staticmethod
    def id(raw):
        return int.from_bytes(raw, "big")

    @staticmethod
    def piece(raw):
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return list(raw)

    @staticmethod
    def decoded(ids):
        return b"".join(one.to_bytes((one.bit_length() + 7) // 8, "big") for one in ids).decode()

    async def handle(self, request):
        body = json.loads(await request.content.read(-1))
        if request.path == "/apply-template":
            return web.json_response({"prompt": self.rendered(body["messages"])})
        if request.path == "/tokenize":
            own = self.tokens(body["content"], special=body["parse_special"], first=body["add_special"])
            return web.json_response({"tokens": own})
        return web.json_response({"error": "not here"}, status=404)

    @asynccontextmanager
    async def serving(self):
        runner = web.ServerRunner(web.Server(self.handle, access_log=None), shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


@pytest.fixture
def smallest(tmp_path):
    """The smallest real model's server."""
    pytest.importorskip("xllamacpp", reason="the engine is not installed: pip install 'rlm-async[local]'")
    weights = find("135m")
    path = Installer.of(os.environ).where(weights)
    if path is None:
        pytest.skip("the weights of smollm2-135m are not installed: rlm-async local install smollm2-135m")
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    supervisor = Supervisor(folder, os.environ)
    settings = Settings.of(path, weights.name, {"RLM_ASYNC_LOCAL_IDLE": "60"}, weights.trained)
    yield supervisor.ensure(settings, Silent())
    supervisor.stop()
