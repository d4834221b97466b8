"""What the wall costs: hand-out, round trip, contexts, memory and stops, beside an unjailed subprocess.

    python benchmarks/micro/sandbox.py [--repeat 50] [--sessions 500] [--crowd 64]

Each row gives the median, the 99th percentile and, where there is an unjailed counterpart in the same run,
the ratio to it. The counterpart is `python -I` in a pipe that executes what it reads: no policy, no walls.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import anyio

from rlm_async.core.context import Context
from rlm_async.core.query import Reply
from rlm_async.sandbox.factory import Sandbox
from rlm_async.sandbox.limits import CellLimits

UNJAILED = (
    "import sys, json\n"
    "names = {}\n"
    "for line in sys.stdin:\n"
    "    order = json.loads(line)\n"
    "    names.update(order.get('names', {}))\n"
    "    exec(order['code'], names)\n"
    "    print(json.dumps(str(names.get('x'))[:80]), flush=True)\n"
)
LOOP = "while True: pass"
HOSTILE = (
    LOOP,
    "x = []\nwhile True: x.append('a' * 1_000_000 + str(len(x)))",
    "while True: print('flood' * 1000)",
    "import os\nos.fork()",
)
MEGABYTES = 100


class Host:
    tools: ClassVar[dict] = {}

    async def spawn(self, queries):
        return [Reply("yes") for _ in queries]

    async def tool(self, *_call):
        return Reply(error="ToolError")

    def budget(self):
        return {}


class Subprocess:
    """The unjailed counterpart."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-I", "-c", UNJAILED], stdin=-1, stdout=-1, text=True)

    def run(self, code, **names):
        self.process.stdin.write(json.dumps({"code": code, "names": names}) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def timed(work, repeat):
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return times


async def atimed(work, repeat, pause=0.0):
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        await work()
        times.append(time.perf_counter() - began)
        await anyio.sleep(pause)
    return times


def row(name, times, plain=None):
    median = statistics.median(times) * 1000
    top = sorted(times)[min(len(times) - 1, int(len(times) * 0.99))] * 1000
    ratio = f"{median / (statistics.median(plain) * 1000):8.2f} x" if plain else f"{'':>10}"
    base = f"{statistics.median(plain) * 1000:10.2f}" if plain else f"{'':>10}"
    print(f"{name:<44}{median:10.2f}{top:10.2f}{base}{ratio}", flush=True)


def pss(pid, key="Pss"):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def private(pid):
    return pss(pid, "Private_Dirty") + pss(pid, "Private_Clean")


def children(pid):
    parents = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def total():
    size = 0.0
    for pid in children(os.getpid()):
        try:
            size += pss(pid)
        except OSError:
            continue
    return size


async def hand_out(repeat):
    def unjailed():
        process = Subprocess()
        process.run("x = 1")
        processes.append(process)

    processes = []
    plain = timed(unjailed, min(repeat, 10))
    for process in processes:
        process.close()
    async with Sandbox(warm=4) as factory:
        await factory.start()
        await anyio.sleep(1)
        takes, opens, ends = [], [], []
        for _ in range(repeat):
            began = time.perf_counter()
            process = await factory._process()  # noqa: SLF001 - the hand-out by itself
            takes.append(time.perf_counter() - began)
            process.abandon()
            await anyio.sleep(0.05)
        for _ in range(repeat):
            began = time.perf_counter()
            async with factory.open(Context.of("x"), Host()):
                opens.append(time.perf_counter() - began)
                await anyio.sleep(0.03)
                began = time.perf_counter()
            ends.append(time.perf_counter() - began)
    row("hand-out of a warm, jailed worker", takes, plain)
    row("open a session (hand-out, context, filter)", opens, plain)
    row("close a session", ends)


async def round_trip(repeat):
    process = Subprocess()
    process.run("x = 0")
    plain = timed(lambda: process.run("x += 1"), repeat * 4)
    process.close()
    async with Sandbox() as factory, factory.open(Context.of("x"), Host()) as sandbox:
        await sandbox.run("x = 0")
        row("cell `x += 1`, round trip", await atimed(lambda: sandbox.run("x += 1"), repeat * 4), plain)
        row("the same, 5 ms between cells", await atimed(lambda: sandbox.run("x += 1"), repeat, 0.005), plain)
        row(
            "cell with one sub-query (and a check-point)",
            await atimed(lambda: sandbox.run("y = llm_query('q')"), repeat),
        )


async def contexts():
    shapes = {
        "ASCII": "plain text " * ((MEGABYTES << 20) // 11),
        "Latin-1": "caf\xe9 texte " * ((MEGABYTES << 20) // 11),
        "UCS-2": "\u4e2d\u6587 text " * ((MEGABYTES << 19) // 8),
    }
    for name, text in shapes.items():
        process = Subprocess()
        plain = timed(lambda: process.run("x = len(c)", c=text), 1)  # noqa: B023
        process.close()
        times, lags = [], []
        async with Sandbox() as factory:
            await factory.start()
            await anyio.sleep(0.5)
            for _ in range(3):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(lag, lags)
                    began = time.perf_counter()
                    async with factory.open(Context.of(text), Host()):
                        times.append(time.perf_counter() - began)
                    tasks.cancel_scope.cancel()
            peak, steady, base = await footprint(factory, text)
        row(f"{MEGABYTES} MB context, {name}", times, plain)
        size = text.__sizeof__() / (1 << 20)
        print(
            f"{'':4}memory: text {size:.0f} MB; beyond the host's own copy: peak {(peak - base) / size:.2f} x, "
            f"steady {(steady - base) / size:.2f} x; loop's lag at most {max(lags) * 1000:.1f} ms"
        )


async def footprint(factory, text):
    base, seen, done = total(), [], threading.Event()

    def watch():
        while not done.is_set():
            seen.append(total())

    watcher = threading.Thread(target=watch)
    watcher.start()
    async with factory.open(Context.of(text), Host()) as sandbox:
        await sandbox.variables()
        done.set()
        watcher.join()
        return max(seen), total(), base


async def lag(into):
    while True:
        began = time.perf_counter()
        await anyio.sleep(0.005)
        into.append(time.perf_counter() - began - 0.005)


async def memory(sessions):
    sizes = []
    async with Sandbox() as factory:
        began = time.perf_counter()
        opened, leave, full = [], anyio.Event(), anyio.Event()

        async def one():
            async with factory.open(Context.of("x" * 1000), Host()) as sandbox:
                output = await sandbox.run("rows = [{'n': n} for n in range(1000)]\nlen(rows)")
                opened.append((sandbox.pid, output.outcome))
                if len(opened) == sessions:
                    full.set()
                await leave.wait()

        async with anyio.create_task_group() as tasks:
            for _ in range(sessions):
                tasks.start_soon(one)
            await full.wait()
            seconds = time.perf_counter() - began
            for pid, _ in opened[: min(sessions, 50)]:
                sizes.append((pss(pid), private(pid)))
            whole = total() - pss(os.getpid())
            leave.set()
    ok = sum(outcome == "ok" for _, outcome in opened)
    print(
        f"{sessions} sessions at once: {ok} ran their cell, all open after {seconds:.1f} s; a worker: "
        f"PSS {statistics.median(a for a, _ in sizes):.1f} MB, private {statistics.median(b for _, b in sizes):.1f} MB; "
        f"all processes {whole / sessions:.1f} MB a session (with check-points and zygote)"
    )


async def crowd(count):
    limits = CellLimits(cpu_seconds=1, grace_seconds=0.2, memory_bytes=64 << 20)
    lags, ended, right = [], [], []

    async def attack(factory, code):
        async with factory.open(Context.of("x"), Host()) as sandbox:
            ended.append((await sandbox.run(code)).outcome)

    async def work(factory, number):
        async with factory.open(Context.of("x" * number), Host()) as sandbox:
            output = await sandbox.run("print(len(context), llm_query('q'), sum(n * n for n in range(100)))")
            right.append(output.stdout == f"{number} yes 328350\n")

    async with Sandbox(cell=limits) as factory, anyio.create_task_group() as pulse:
        await factory.start()
        pulse.start_soon(lag, lags)
        async with anyio.create_task_group() as tasks:
            for number in range(count):
                tasks.start_soon(attack, factory, HOSTILE[number % len(HOSTILE)])
                tasks.start_soon(work, factory, number)
        pulse.cancel_scope.cancel()
    words = {word: ended.count(word) for word in sorted(set(ended))}
    top = sorted(lags)[int(len(lags) * 0.99)] * 1000
    print(
        f"{count} hostile beside {count} honest cells: {sum(right)} honest right; hostile {words}; loop's lag p99 {top:.1f} ms"
    )


async def stops(repeat):
    limits = CellLimits(cpu_seconds=0.2, grace_seconds=0.1)
    async with Sandbox(cell=limits) as factory, factory.open(Context.of("x"), Host()) as sandbox:
        loops = [(await sandbox.run(LOOP)).seconds - 0.2 for _ in range(min(repeat, 5))]
        row("stop of a Python loop, beyond its limit", loops)


async def main(options):
    print(f"{'':<44}{'median ms':>10}{'p99 ms':>10}{'unjailed':>10}{'ratio':>10}")
    await hand_out(options.repeat)
    await round_trip(options.repeat)
    await stops(options.repeat)
    await contexts()
    await memory(options.sessions)
    await crowd(options.crowd)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--crowd", type=int, default=64)
    anyio.run(main, parser.parse_args())
