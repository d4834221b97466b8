"""Rollouts by verifiers itself, with a scripted model behind a loopback server."""

import json
import re

import pytest

vf = pytest.importorskip(
    "verifiers.v1",
    reason="verifiers is not installed (450 MB, and it goes with no rlm-async[mcp]): plugins/rlm-async-verifiers/check",
)

from rlm_async.testing import LoopbackServer, Served  # noqa: E402 - the same
from rlm_async_verifiers import RLMEnv, RLMHarness, RLMTaskset, load_environment  # noqa: E402 - only with verifiers
from verifiers.v1.clients import EvalClientConfig, ModelContext  # noqa: E402 - the same
from verifiers.v1.utils import loaders  # noqa: E402 - the same

LOOK = """```repl
replies = llm_query_batched([f"{line}\\n\\nWho?" for line in context.splitlines() if line])
answer["content"] = ", ".join(replies)
answer["ready"] = True
```"""


@pytest.fixture
def anyio_backend():
    return "asyncio"  # as verifiers is


def play(asked):
    """A root that asks about each line, and a leaf that reads the name off it."""
    if asked.body["messages"][0]["role"] == "system":
        return LOOK
    return re.search(r"by (\w+)", asked.prompt)[1]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "questions.jsonl"
    rows = [
        {"id": "right", "question": "By whom?", "answer": "Ann, Bob, Cid", "context": "by Ann\nby Bob\nby Cid\n"},
        {"id": "wrong", "question": "By whom?", "answer": "Dan", "context": "by Eve\n"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


async def rolled(env, server, count=1):
    ctx = ModelContext(model="policy", client=EvalClientConfig(base_url=server.url, api_key_var="NO_SUCH_KEY"))
    episodes = {}
    async with env.serving():
        for task in env.taskset:
            for slot in env.slots(task, count):
                episodes.setdefault(task.data.id, []).append(await env.run_slot(slot, ctx))
    return episodes


def test_verifiers_finds_what_the_package_brings():
    assert loaders.taskset_class("rlm-async-verifiers") is RLMTaskset
    assert loaders.harness_class("rlm-async-verifiers") is RLMHarness
    assert loaders.environment_class("rlm-async-verifiers") is RLMEnv
    assert loaders.default_harness_id("rlm-async-verifiers") == "rlm-async-verifiers"


@pytest.mark.anyio
async def test_a_rollout_is_rewarded_by_the_answer_that_code_has_set(file):
    async with LoopbackServer(play) as server:
        episodes = await rolled(load_environment(file, strategy="repl"), server)
        models = {asked.body["model"] for asked in server.requests}
    (right,), (wrong,) = episodes["right"], episodes["wrong"]
    assert (right.ok, wrong.ok) == (True, True), [trace.errors for trace in (*right.traces, *wrong.traces)]
    (trace,) = right.traces
    assert (trace.reward, wrong.traces[0].reward) == (1.0, 0.0)
    assert trace.root_reply == "Ann, Bob, Cid"
    assert (trace.metrics["rlm_nodes"], trace.metrics["rlm_calls"]) == (4.0, 4.0)
    assert models == {"policy"}


@pytest.mark.anyio
async def test_every_node_is_a_branch_that_can_be_trained_on(file):
    async with LoopbackServer(play) as server:
        episodes = await rolled(load_environment(file, strategy="repl"), server)
    (trace,) = episodes["right"][0].traces
    assert len(trace.calls) == 4
    branches = trace.branches
    assert len(branches) == 4
    replies = sorted(branch.messages[-1].content for branch in branches)
    assert replies == sorted([LOOK, "Ann", "Bob", "Cid"])
    for branch in branches:  # what was sampled is the last message and nothing else
        assert [node.sampled for node in branch.nodes] == [False] * (len(branch.nodes) - 1) + [True]


@pytest.mark.anyio
async def test_a_run_without_an_answer_is_a_rollout_without_reward(file):
    async with LoopbackServer("I would rather not say.") as server:
        episodes = await rolled(load_environment(file, strategy="repl", turns=2), server)
    (trace,) = episodes["right"][0].traces
    assert (trace.ok, trace.reward) == (True, 0.0)
    assert trace.info["rlm_status"] in {"partial", "failed"}


@pytest.mark.anyio
async def test_a_provider_that_refuses_is_an_error_of_the_rollout(file):
    async with LoopbackServer(Served(status=400, text="no")) as server:
        episodes = await rolled(load_environment(file, strategy="repl"), server)
    (episode,) = episodes["right"]
    assert not episode.ok
    assert episode.traces[0].errors


@pytest.mark.anyio
async def test_rollouts_of_a_group_are_told_apart(file):
    async with LoopbackServer(play) as server:
        episodes = await rolled(load_environment(file, strategy="repl"), server, count=3)
        assert len(server.requests) == 3 * (4 + 2)  # nothing is answered from memory
    assert len({trace.id for episode in episodes["right"] for trace in episode.traces}) == 3
