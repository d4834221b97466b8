"""A thousand nodes at real receivers, over gRPC and HTTP: as many node spans, each with its parent, none lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rlm_async.testing import LoopbackServer, Served
from tests.telemetry import receivers

ROOT = Path(__file__).resolve().parents[2]
NODES = 1_000
ASK = f'```repl\nllm_query_batched([f"number {{i}}" for i in range({NODES - 1})])\nanswer["content"] = "all asked"\nanswer["ready"] = True\n```'
pytestmark = [
    pytest.mark.required_in_ci("real receivers of OTLP"),
    pytest.mark.skipif(receivers.missing() is not None, reason=str(receivers.missing())),
]


@pytest.fixture
def hanging():
    """Set once a call is at the server that will never be answered."""
    return threading.Event()


@pytest.fixture
def url(hanging):
    """A model server in a thread; `hang` never gets an answer."""
    ready, box = threading.Event(), {}

    def reply(asked):
        if asked.prompt.startswith("number"):
            return "yes"
        if "hang" in asked.prompt:
            hanging.set()
            return Served(fault="hang")
        return ASK

    async def serve():
        box["loop"], box["over"] = asyncio.get_running_loop(), asyncio.Event()
        async with LoopbackServer(reply) as server:
            box["url"] = server.url
            ready.set()
            await box["over"].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(30)
    yield box["url"]
    box["loop"].call_soon_threadsafe(box["over"].set)
    thread.join(30)


@pytest.fixture
def environ(tmp_path):
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    places = {"HOME": str(tmp_path), "RLM_ASYNC_CACHE": str(tmp_path / "c"), "RLM_ASYNC_RUNTIME": str(tmp_path / "r")}
    return {**kept, **places, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "sk-planted-000000000000"}


def words(url, question, *more):
    return [sys.executable, "-m", "rlm_async", "ask", question, "--model", "openai/m", "--api-base", url, *more]


def ask(url, environ, question, *more):
    run = words(url, question, "--strategy", "repl", "--limit", "fanout=2000", "--limit", "calls=3000", *more)
    return subprocess.run(run, env=environ, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("name", sorted(receivers.RECEIVERS))
def test_a_thousand_nodes_arrive_each_below_its_parent(name, url, environ):
    with receivers.RECEIVERS[name]() as receiver:
        done = ask(url, environ | receiver.environ, "ask them all", "--quiet")
        assert (done.returncode, done.stdout, done.stderr) == (0, "all asked\n", "")
        receiver.until(lambda text: text.count("invoke_workflow rlm") >= 1 and text.count("invoke_agent rlm") >= NODES)
        found = receiver.spans
    by_name = {}
    for span in found:
        by_name.setdefault(span.name, []).append(span)
    (run,) = by_name["invoke_workflow rlm"]
    nodes = {int(span.attributes["rlm.node"]): span for span in by_name["invoke_agent rlm"]}
    assert len(by_name["invoke_agent rlm"]) == len(nodes) == NODES
    assert len(by_name["chat openai/m"]) == NODES
    assert len(by_name["execute_tool python"]) == len(by_name["rlm.turn"]) == 1
    assert nodes[0].parent == run.id
    assert not run.parent.strip("0")
    assert {span.parent for number, span in nodes.items() if number} == {nodes[0].id}
    assert {span.trace for span in found} == {run.trace}
    assert "gen_ai.client.token.usage" in receiver.text
    assert "sk-planted" not in receiver.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_and_its_spans_still_arrive(number, url, hanging, environ):
    with receivers.oteltap() as receiver:
        process = subprocess.Popen(
            words(url, "hang", "--strategy", "direct"),
            env=environ | receiver.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert hanging.wait(30)
            process.send_signal(number)
            process.communicate(timeout=30)
            assert process.returncode == 128 + number
        receiver.until(lambda text: "invoke_workflow rlm" in text)
        spans = {span.name: span for span in receiver.spans}
    assert {"invoke_workflow rlm", "invoke_agent rlm"} <= set(spans)
    assert spans["invoke_workflow rlm"].attributes["error.type"] == "Cancelled"
    assert spans["invoke_agent rlm"].attributes["rlm.outcome"] == "cancelled"


def test_the_callers_trace_goes_on_in_the_command(url, environ):
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    with receivers.oteltap() as receiver:
        done = ask(
            url, environ | receiver.environ | {"TRACEPARENT": f"00-{trace}-{span}-01"}, "number 1", "--strategy=direct"
        )
        assert done.returncode == 0, done.stderr
        receiver.until(lambda text: "invoke_workflow rlm" in text)
        (run,) = [found for found in receiver.spans if found.name == "invoke_workflow rlm"]
    assert (run.trace, run.parent) == (trace, span)


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("listens", [False, True], ids=["dead port", "black hole"])
def test_a_collector_that_is_away_costs_an_answer_nothing_and_is_told(protocol, listens, url, environ):
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        if listens:
            hole.listen(8)  # takes connections, and never says a word
        port = hole.getsockname()[1]
        target = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        done = ask(url, environ | target, "number 1", "--strategy=direct")
    assert (done.returncode, done.stdout) == (0, "yes\n")
    assert done.stderr.endswith(f"telemetry: 3 of 3 spans are lost: 3 were not taken by 127.0.0.1:{port}\n")
    assert "Traceback" not in done.stderr
