"""What telemetry costs: the same runs with and without spans and metrics, exported over OTLP to a sink of its own.

Two figures: CPU a span (a run told as events to the sinks, queue, encoding and sending included, every thread of
the process counted), and wall time (whole runs with a sandbox and a model that takes its time). With and without
are processes of their own, taken in turn; medians.

    python -m benchmarks.micro.spans [--nodes 1000] [--latency 0.5] [--rounds 3]
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from rlm_async import RLM, Limits, Rates
from rlm_async.api.wiring import views
from rlm_async.core import events
from rlm_async.core.graph import State
from rlm_async.core.messages import Completion
from rlm_async.core.query import Query
from rlm_async.core.usage import ModelInfo, Price, Usage
from rlm_async.telemetry.exporting import Exporting
from rlm_async.telemetry.settings import ExportSettings

USAGE = Usage(calls=1, prompt_tokens=200, completion_tokens=10, nanos=1_000)
ROOT = Query(prompt="q", model="openai/gpt-5", strategy="repl")
LEAF = Query(prompt="a sub-query", model="openai/gpt-5-mini", strategy="direct")


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes whatever is posted."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def sink() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    print(server.server_port, flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()


def story(nodes: int) -> Iterator[events.Event]:
    """A root with `nodes - 1` children, each one call."""
    yield events.RunStarted(at=0, run="r", started=time.time(), query=ROOT, limits=Limits())
    yield events.NodeAdded(at=0, node=0, parent=None, depth=0, query=ROOT)
    yield events.NodeMoved(at=0, node=0, state=State.RUNNING)
    for node in range(1, nodes):
        yield events.NodeAdded(at=1, node=node, parent=0, depth=1, query=LEAF)
        yield events.NodeMoved(at=1, node=node, state=State.RUNNING)
        yield events.ModelAsked(at=1, node=node, call=0, model=LEAF.model, prompt_characters=800)
        yield events.ModelReplied(at=2, node=node, call=0, model=LEAF.model, usage=USAGE, text="yes", seconds=0.5)
        yield events.NodeAnswered(at=2, node=node, text="yes", status="complete", usage=USAGE)
        yield events.NodeMoved(at=2, node=node, state=State.DONE)
    yield events.NodeMoved(at=2, node=0, state=State.DONE)
    yield events.RunEnded(at=2, run="r", status="complete", text="", usage=USAGE)


def told(nodes: int, rounds: int) -> list[float]:
    """CPU seconds of this thread, the event loop's, for each round of telling a run."""
    found = []
    for _ in range(rounds + 1):
        listed = list(story(nodes))
        sinks = [make() for make in views((None, None))]
        began = time.thread_time()
        for event in listed:
            for take in sinks:
                take(event)
        found.append(time.thread_time() - began)
    return found[1:]


def asked(nodes: int, latency: float, rounds: int) -> list[float]:
    """Wall seconds of whole runs of `nodes` nodes."""
    program = f'```repl\nr = llm_query_batched([f"n {{i}}" for i in range({nodes - 1})])\nanswer["content"] = str(len(r))\nanswer["ready"] = True\n```'

    async def model(request, budget):
        await anyio.sleep(latency)
        is_leaf = request.messages[-1].text.startswith("n ")
        return Completion(text="yes" if is_leaf else program, usage=USAGE, model="m")

    async def main() -> list[float]:
        limits = Limits(fanout=2 * nodes, calls=3 * nodes)
        info = ModelInfo(name="the given model", window=100_000, price=Price(prompt=0.1, completion=0.1))
        found = []
        async with RLM(model, limits=limits, rates=Rates(concurrency=64), strategy="repl", model_infos=[info]) as rlm:
            for _ in range(rounds + 1):
                began = time.perf_counter()
                answer = await rlm.ask("how many?", "a context")
                found.append(time.perf_counter() - began)
                assert answer.text == str(nodes - 1), answer
        return found[1:]

    return anyio.run(main)


def child(options: argparse.Namespace) -> None:
    settings = ExportSettings.of(os.environ)
    exporting = None if settings is None else Exporting.begin(settings, "benchmark")
    began = time.process_time()
    cpu = told(options.nodes, options.rounds)
    if exporting is not None:
        exporting._queue.flush(60, 60)  # noqa: SLF001 - sending belongs to the cost
    whole = time.process_time() - began
    wall = asked(options.nodes, options.latency, options.rounds)
    line = exporting.close() if exporting is not None else None
    tally = exporting._queue.tally.delivered if exporting is not None else 0  # noqa: SLF001
    print(json.dumps({"cpu": cpu, "whole": whole, "wall": wall, "lost": line, "delivered": tally}))


@contextmanager
def collector() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.micro.spans", "--sink"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.stdin.close()
            process.wait(10)


def run(options: argparse.Namespace, endpoint: str | None) -> dict:
    """One process with or without telemetry."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    if endpoint is not None:
        environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    command = [sys.executable, "-m", "benchmarks.micro.spans", "--child", "--nodes", str(options.nodes)]
    command += ["--latency", str(options.latency), "--rounds", str(options.rounds)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--latency", type=float, default=0.5, help="of the model, in seconds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sink:
        sink()
        return
    if options.child:
        child(options)
        return
    with collector() as endpoint:
        pairs = [(run(options, None), run(options, endpoint)) for _ in range(2)]
    walls = [statistics.median(wall for pair in pairs for wall in pair[side]["wall"]) for side in (0, 1)]
    spans = (2 * options.nodes) * (options.rounds + 1)  # the run, the root; a node and a call for each of the others
    cpu = [min(pair[side]["whole"] for pair in pairs) for side in (0, 1)]
    on_loop = [statistics.median(cpu for pair in pairs for cpu in pair[side]["cpu"]) for side in (0, 1)]
    lost = [pair[1]["lost"] for pair in pairs]
    print(f"{options.nodes} nodes, {options.latency * 1000:.0f} ms a model call, {spans} spans told; lost: {lost}")
    print(
        f"CPU a span, all threads: {(cpu[1] - cpu[0]) / spans * 1e6:.1f} us (of it on the thread of the event loop: ",
        end="",
    )
    print(f"{(on_loop[1] - on_loop[0]) / (2 * options.nodes) * 1e6:.1f} us)")
    print(f"wall: {walls[0]:.3f} s without, {walls[1]:.3f} s with: {walls[1] / walls[0] - 1:+.1%}")


if __name__ == "__main__":
    main()
