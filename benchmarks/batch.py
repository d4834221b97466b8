"""A batch of 1,000 items with 8 sub-calls each, 200 ms a call, 256 in flight: throughput, memory, and kill -9.

Every item is a root program in a jailed worker that asks 8 sub-queries and joins their answers. *Ideal* is
calls * latency / cap: what a machine would need that does nothing itself. The server plays the models in a
process of its own and counts what it is asked, so that a call made twice shows.

    python -m benchmarks.batch                         throughput, processor time and memory
    python -m benchmarks.batch kill                    the same, killed with -9 at 30 % and at 60 %
    python -m benchmarks.batch --items 100 --parts 4   small, to see that it works

`python -m benchmarks.cluster` does the same over PostgreSQL with workers that are killed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientSession, web

LAG = 0.5
"""Seconds before a kill in which an answer may not have reached the disk; the machine may have much else to do."""
CODE = """```repl
parts = llm_query_batched([f"part {{i}} of {{context}}" for i in range({parts})])
answer["content"] = " ".join(parts)
answer["ready"] = True
```"""


class Server:
    """Plays root and sub-models; keeps a count for every prompt, and whether its answer went out."""

    def __init__(self, latency: float, parts: int) -> None:
        self.latency, self.code = latency, CODE.format(parts=parts)
        self.answered: dict[str, list[float]] = {}
        self.asked: list[float] = []
        self.in_flight = self.peak = self.requests = 0

    async def complete(self, request: web.Request) -> web.Response:
        body = await request.json()
        messages = body["messages"]
        root = messages[0]["role"] == "system"
        prompt = "\n".join(str(message["content"]) for message in messages)
        self.requests += 1
        self.asked.append(time.monotonic())
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await asyncio.sleep(self.latency)
        finally:
            self.in_flight -= 1
        self.answered.setdefault(prompt, []).append(time.monotonic())
        text = self.code if root else messages[-1]["content"].rpartition(" of ")[2]
        return web.json_response(
            {
                "id": "c", "object": "chat.completion", "created": 0, "model": body["model"],
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
                "usage": {"prompt_tokens": len(prompt) // 4, "completion_tokens": 20, "total_tokens": len(prompt) // 4 + 20},
            }
        )  # fmt: skip

    async def statistics(self, _: web.Request) -> web.Response:
        again = [times for times in self.answered.values() if len(times) > 1]
        return web.json_response(
            {
                "requests": self.requests, "distinct": len(self.answered), "again": again, "peak": self.peak,
                "processor": time.process_time(),
            }
        )  # fmt: skip

    async def times(self, _: web.Request) -> web.Response:
        return web.json_response({"requests": self.requests, "times": self.asked})


async def serve(latency: float, parts: int) -> None:
    server = Server(latency, parts)
    app = web.Application(client_max_size=1 << 28)
    app.router.add_post("/v1/chat/completions", server.complete)
    app.router.add_get("/statistics", server.statistics)
    app.router.add_get("/times", server.times)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


@contextmanager
def server(options: argparse.Namespace) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.batch", "--serve", "--latency", str(options.latency)]
    command += ["--parts", str(options.parts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.stdin.close()
            process.wait(10)


async def statistics(url: str) -> dict:
    async with ClientSession() as session, session.get(f"{url}/statistics") as reply:
        return await reply.json()


@dataclass
class Run:
    """One process of the command, watched from outside."""

    process: subprocess.Popen[bytes]
    results: Path
    memory: dict[int, tuple[int, int]] = field(default_factory=dict)
    threads: dict[str, float] = field(default_factory=dict)
    """Processor seconds of the host process: its event loop, and all its other threads."""
    lines: int = 0
    read: int = 0

    def count(self) -> int:
        if self.results.exists():
            with self.results.open("rb") as file:
                file.seek(self.read)
                fresh = file.read()
            self.read += len(fresh)
            self.lines += fresh.count(b"\n")
        return self.lines

    def watch(self, until: int) -> int:
        """Follow it until so many results are there or it ends; memory of the process at each hundred items."""
        while self.process.poll() is None and (count := self.count()) < until:
            with suppress(OSError, IndexError):  # it has just ended
                hundred = count // 100 * 100
                if hundred and hundred not in self.memory:
                    self.memory[hundred] = resident(self.process.pid)
                now = processor(self.process.pid)  # threads that have ended are not counted any more
                self.threads = {name: max(spent, self.threads.get(name, 0.0)) for name, spent in now.items()}
            time.sleep(0.05)
        return self.count()


def resident(pid: int) -> tuple[int, int]:
    """Bytes of the host process alone, resident and proportional; its jailed workers come and go."""
    told = dict(line.split(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(told["Rss"].split()[0]) * 1024, int(told["Pss"].split()[0]) * 1024


def processor(pid: int) -> dict[str, float]:
    """Processor seconds of the event loop's thread, and of the host's other threads."""
    tick = os.sysconf("SC_CLK_TCK")
    found = {"loop": 0.0, "threads": 0.0}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        fields = (thread / "stat").read_text().rpartition(")")[2].split()
        found["loop" if thread.name == str(pid) else "threads"] += (int(fields[11]) + int(fields[12])) / tick
    return found


def start(folder: Path, url: str, options: argparse.Namespace) -> Run:
    command = [sys.executable, "-m", "rlm_async", "batch", "q.jsonl", "-o", "r.jsonl", "--strategy", "repl", "--quiet"]
    command += ["--model", "openai/m", "--api-base", f"{url}/v1", "--concurrency", str(options.cap), "--json"]
    command += ["--workers", str(options.workers)]
    if options.journal == "none":
        command += ["--journal", "none"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE)
    return Run(process, folder / "r.jsonl")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--parts", type=int, default=8, help="sub-calls of an item")
    parser.add_argument("--latency", type=float, default=0.2, help="of the server, in seconds")
    parser.add_argument("--cap", type=int, default=256, help="calls in flight")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the cap")
    parser.add_argument("--journal", choices=["file", "none"], default="file")
    parser.add_argument("what", nargs="?", choices=["run", "kill"], default="run", help="kill: at 30 %% and at 60 %%")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.latency, options.parts))
        return
    with tempfile.TemporaryDirectory(prefix="rlm-async-batch-") as name, server(options) as url:
        folder = Path(name)
        rows = ({"id": f"i{n}", "question": "what is it?", "context": f"item-{n}"} for n in range(options.items))
        (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        print(f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())} on {os.cpu_count()} processors at the start")
        began, kills = time.perf_counter(), []
        for until in [options.items * share // 100 for share in (30, 60)] if options.what == "kill" else []:
            run = start(folder, url, options)
            found = run.watch(until)
            run.process.send_signal(signal.SIGKILL)
            kills.append(time.monotonic())
            run.process.wait()
            print(f"killed with -9 at {found} results, {time.perf_counter() - began:.1f} s")
        run = start(folder, url, options)
        run.watch(sys.maxsize)
        seconds = time.perf_counter() - began
        summary = json.loads(run.process.stdout.read())  # type: ignore[union-attr]
        seen = asyncio.run(statistics(url))
        check(options, run, seen, kills)
        report(options, run, seconds, summary, seen)


def check(options: argparse.Namespace, run: Run, seen: dict, kills: list[float]) -> None:
    """All results once and right; every call that was made twice was in flight when the process was killed."""
    found = [json.loads(line) for line in run.results.read_text().splitlines()]
    expected = {f"i{n}": " ".join([f"item-{n}"] * options.parts) for n in range(options.items)}
    assert len(found) == len({line["id"] for line in found}) == options.items, len(found)
    wrong = [line for line in found if line["text"] != expected[line["id"]]]
    assert not wrong, wrong[:3]
    assert seen["distinct"] == options.items * (options.parts + 1), seen["distinct"]
    lost = []
    for times in seen["again"]:
        first, *_ = sorted(times)
        killed = min((abs(first - kill) for kill in kills), default=float("inf"))
        before = [kill - first for kill in kills if abs(first - kill) == killed]
        lost.append(before[0] if before else float("inf"))
    if kills:
        known = [age for age in lost if age > 0]
        print(f"asked again: {len(lost)}; {len(lost) - len(known)} of them answered after the kill, to nobody")
        print(f"the oldest answer that a kill took: {max(known, default=0.0) * 1000:.0f} ms before it")
    assert all(age < LAG for age in lost), f"answered {max(lost):.2f} s before a kill, and asked again"


def report(options: argparse.Namespace, run: Run, seconds: float, summary: dict, seen: dict) -> None:
    calls = options.items * (options.parts + 1)
    ideal = calls * options.latency / options.cap
    inside = summary["usage"]["seconds"]
    below = resource.getrusage(resource.RUSAGE_CHILDREN)
    host = sum(run.threads.values())
    print(
        f"{options.items} items x {options.parts} sub-calls at {options.latency * 1000:.0f} ms, {options.cap} in flight"
    )
    print(f"calls            {calls:>10,}  asked {seen['requests']:,}, at once {seen['peak']}")
    print(f"ideal            {ideal:>10.2f} s")
    print(f"the batch        {inside:>10.2f} s  {ideal / inside:.0%} of the ideal throughput")
    print(f"with start       {seconds:>10.2f} s")
    if options.what == "run":
        print(
            f"processor, loop  {run.threads.get('loop', 0.0):>10.2f} s  {run.threads.get('loop', 0.0) / calls * 1e3:.2f} ms a call"
        )
        print(f"other threads    {run.threads.get('threads', 0.0):>10.2f} s")
        print(f"jailed workers   {below.ru_utime + below.ru_stime - host:>10.2f} s  with their zygote")
        print(f"the server       {seen['processor']:>10.2f} s")
    for hundred, (whole, own) in sorted(run.memory.items()):
        print(f"memory at {hundred:>6} {whole / 1e6:>10.1f} MB resident, {own / 1e6:.1f} proportional")
    if len(run.memory) > 1:
        sizes = [size for _, size in sorted(run.memory.items())]
        print(f"last / first     {sizes[-1][0] / sizes[0][0]:>10.2f}")
    print(f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())} at the end")


if __name__ == "__main__":
    main()
