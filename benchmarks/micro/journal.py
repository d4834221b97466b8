"""What a journal costs: rows a second, CPU and bytes a call, and what a resume takes.

    python benchmarks/micro/journal.py [--calls 2000] [--rows 20000] [--folder DIR]

Calls are answered at once by a scripted model, so that all the time is ours: the same run of `--calls`
sub-queries without a journal, with one, and resumed from it. Wall time on a disk that others use says
little; CPU and counts say more. The journal's thread is in the CPU figures: it is the same process.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from rlm_async import RLM, Limits
from rlm_async.core.context import Context
from rlm_async.core.events import ModelReplied
from rlm_async.core.query import Query, SubQuery
from rlm_async.core.transcript import Output, Submission
from rlm_async.core.usage import Usage
from rlm_async.journal import Journal, Opening
from rlm_async.testing import ScriptedModel

REPLY = "The clause says that the agreement renews by itself unless notice is given. " * 12
CONTEXT = "a long input of many lines, of which nobody reads one here\n" * 4_000


class InProcess:
    """A sandbox whose one cell asks `calls` sub-queries, and answers with their number."""

    def __init__(self, calls):
        self.calls = calls

    @asynccontextmanager
    async def open(self, _context, host):
        yield Session(host, self.calls)


class Session:
    layers = ("none",)

    def __init__(self, host, calls):
        self.host, self.calls = host, calls

    async def run(self, _code):
        queries = [SubQuery(kind="llm", prompt=f"{number}: {REPLY}") for number in range(self.calls)]
        replies = await self.host.spawn(queries)
        return Output(answer=Submission(str(sum(reply.error is None for reply in replies))))

    async def variables(self):
        return {}


def play(request):
    return "```repl\ngo()\n```" if request.messages[0].role == "system" else f"{REPLY} {request.messages[-1].text[:9]}"


async def asked(calls, path, limits):
    """One run; returns CPU and wall seconds, model calls made, and its status."""
    model = ScriptedModel(play)
    rlm = RLM(model, strategy="repl", sandbox=InProcess(calls), journal=path, limits=limits)
    async with rlm:
        cpu, wall = time.process_time(), time.perf_counter()
        answer = await rlm.ask("How many?", CONTEXT)
        seconds = (time.process_time() - cpu, time.perf_counter() - wall)
    assert answer.text == str(calls), answer.text
    return *seconds, model.calls


def measure_rows(path, rows):
    """Events written to an open journal as fast as they can be handed over; rows a second, commits."""
    query = Query(prompt="q", context=Context.of("c"), model="m")
    event = ModelReplied(at=1.0, node=1, call=0, model="m", usage=Usage(calls=1, nanos=1), text=REPLY)
    with Journal(path) as journal:
        recording = journal.begin(Opening(run="rows", started=0.0, query=query, limits=Limits(), sub_model="m"))
        commits = journal.commits
        handed = time.perf_counter()
        for _ in range(rows):
            recording(event)
        handed = time.perf_counter() - handed
        began = time.perf_counter()
        journal.flush()
        seconds = handed + time.perf_counter() - began
        commits = journal.commits - commits
    return {
        "rows_per_second": round(rows / seconds),
        "commits": commits,
        "hand_over_us": round(1e6 * handed / rows, 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to be measured")
    chosen = parser.parse_args()
    limits = Limits(calls=chosen.calls + 10, tokens=None, fanout=chosen.calls)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        path = Path(folder) / "runs.sqlite"
        found = {"rows": measure_rows(Path(folder) / "rows.sqlite", chosen.rows)}
        anyio.run(asked, 50, None, limits)  # imports, caches
        without = anyio.run(asked, chosen.calls, None, limits)
        kept = anyio.run(asked, chosen.calls, path, limits)
        with Journal(path) as journal:
            size = journal.size
            began = time.perf_counter()
            events = len(journal.events(journal.run("last").run))
            reading = time.perf_counter() - began
            journal.reopen(journal.run("last").run)
        resumed = anyio.run(asked, chosen.calls, path, limits)
        assert resumed[2] == 0, "an answered call was asked again"
    for name, (cpu, wall, calls) in (("without", without), ("kept", kept), ("resumed", resumed)):
        found[name] = {
            "cpu_us_per_call": round(1e6 * cpu / chosen.calls),
            "wall_seconds": round(wall, 2),
            "model_calls": calls,
        }
    found["journal_cpu_us_per_call"] = round(1e6 * (kept[0] - without[0]) / chosen.calls)
    found["bytes_per_call"] = size // chosen.calls
    found["events"] = {"count": events, "read_us": round(1e6 * reading / events)}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
