"""A batch over a real PostgreSQL: four workers, two killed with -9 at random moments, the database restarted.

Every item is a root program in a jailed worker that asks sub-queries (`--direct`: a single call). The server plays the
models and notes when it was asked what; from that: all results once and right, what was asked again, and whether
the configured rate was kept over all workers. The database says whether the budget was ever overspent: it is
asked every 50 ms.

    python -m benchmarks.cluster                          1,000 items x 8 sub-calls
    python -m benchmarks.cluster --items 60 --parts 2     small, to see that it works

Needs the extra `postgres` and a PostgreSQL server on this machine; it makes one of its own under /tmp.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
from aiohttp import ClientSession

from benchmarks.batch import server
from tests.batch.database import Server


def command(folder: Path, *arguments: object) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "rlm_async", *map(str, arguments)]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1]), "OPENAI_API_KEY": "none"}
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(words, cwd=folder, env=environ, stderr=log, stdout=log)


class Ledger:
    """What the database says of the batch's money, at every look: `most` is the largest of spent and lent together."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.most = self.spent = 0.0
        self.looks = self.misses = 0
        self.results = 0

    def look(self) -> None:
        try:
            with psycopg.connect(self.url, connect_timeout=2, options="-c search_path=rlm_async") as connection:
                # one statement, one snapshot
                row = connection.execute(
                    "SELECT (SELECT sum((spent ->> 'calls')::float) FROM rlm_batches), "
                    "(SELECT coalesce(sum((amounts ->> 'calls')::float), 0) FROM rlm_leases), "
                    "(SELECT count(*) FROM rlm_results)"
                ).fetchone()
        except psycopg.Error:
            self.misses += 1  # not there yet, or restarting
            return
        if row is not None and row[0] is not None:
            self.looks += 1
            self.spent = row[0]
            self.most = max(self.most, row[0] + row[1])
            self.results = row[2]


async def asked_times(url: str) -> dict:
    async with ClientSession() as session, session.get(f"{url}/times") as reply:
        return await reply.json()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--parts", type=int, default=8, help="sub-calls of an item")
    parser.add_argument("--latency", type=float, default=0.2, help="of the server, in seconds")
    parser.add_argument("--rpm", type=int, default=3_000, help="calls a minute, over all workers")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--hand", type=int, default=16, help="items in hand of each worker")
    parser.add_argument("--direct", action="store_true", help="items are single calls, without code")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    calls = options.items * (1 if options.direct else options.parts + 1)
    each = 2 if options.direct else options.parts + 4
    # room for what the dead are charged, and for the last items; else those wait for others to end
    total = calls + 2 * options.hand * each + options.workers * options.hand * each
    chance = random.Random(options.seed)
    print(
        f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())}; seed {options.seed}; {calls:,} calls, total {total:,}"
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rlm-async-cluster-")))
        url = stack.enter_context(server(options))
        database = stack.enter_context(Server())
        rows = ({"id": f"i{n}", "question": "what is it?", "context": f"item-{n}"} for n in range(options.items))
        (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

        def start(*arguments: object) -> subprocess.Popen[bytes]:
            process = command(folder, *arguments)
            stack.callback(process.wait, 30)
            stack.callback(process.kill)
            return process

        workers = [start("worker", "--executor", database.url, "--items", options.hand) for _ in range(options.workers)]
        began = time.perf_counter()
        batch = start(
            "batch", "q.jsonl", "-o", "r.jsonl", "--executor", database.url, "--journal", "none",
            "--strategy", "direct" if options.direct else "repl", "--model", "openai/m", "--api-base", f"{url}/v1",
            "--rate", f"rpm={options.rpm}", "--limit", f"calls={each}", "--total", f"calls={total}",
        )  # fmt: skip
        ledger = Ledger(database.url)
        deeds = [
            (options.items * (0.15 + 0.2 * chance.random()), "worker"),
            (options.items * 0.5, "database"),
            (options.items * (0.6 + 0.25 * chance.random()), "worker"),
        ]
        chance.shuffle(workers)
        while batch.poll() is None:
            ledger.look()
            if deeds and ledger.results >= deeds[0][0]:
                _, what = deeds.pop(0)
                if what == "worker":
                    workers.pop().send_signal(signal.SIGKILL)
                else:
                    database.restart()
                print(f"{'killed a' if what == 'worker' else 'restarted the'} {what} at {ledger.results} results, "
                      f"{time.perf_counter() - began:.1f} s")  # fmt: skip
            time.sleep(0.05)
        ledger.look()
        seconds = time.perf_counter() - began
        log = (folder / "log.txt").read_text()
        assert batch.returncode == 0, log[-3_000:]
        assert not deeds, deeds
        found = [json.loads(line) for line in (folder / "r.jsonl").read_text().splitlines()]
        report(options, found, asyncio.run(asked_times(url)), ledger, (seconds, calls, total))
        with contextlib.suppress(OSError):
            print(f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())} at the end")


def report(options: argparse.Namespace, found: list[dict], asked: dict, ledger: Ledger, figures: tuple) -> None:
    seconds, calls, total = figures
    assert len(found) == len({line["id"] for line in found}) == options.items, len(found)
    assert all(line["status"] == "complete" for line in found)
    if not options.direct:
        wrong = [line for line in found if line["text"] != " ".join([line["id"].replace("i", "item-")] * options.parts)]
        assert not wrong, wrong[:2]
    print(f"{len(found):,} results, each once and right, in {seconds:.1f} s")
    print(
        f"calls asked         {asked['requests']:>8,}  {asked['requests'] - calls:,} of them again: what the dead had in hand"
    )
    assert asked["requests"] - calls <= 2 * options.hand * (options.parts + 1) * 2
    times = sorted(asked["times"])
    fullest = most_in(times, 60.0)
    span = times[-1] - times[0]
    print(f"rate                {options.rpm:>8,} a minute set; the fullest 60 s had {fullest:,} ({fullest / options.rpm:.1%}); "
          f"{len(times) / span * 60:,.0f} a minute over all {span:.0f} s")  # fmt: skip
    busiest = most_in(times, 10.0)
    print(f"                    the fullest 10 s had {busiest:,} ({busiest / (options.rpm / 6):.1%})")
    assert fullest <= options.rpm * 1.05, fullest
    print(f"budget              {ledger.most:>8,.0f} calls of {total:,} spent and lent together at most, in {ledger.looks:,} looks "
          f"({ledger.misses} while the database was away)")  # fmt: skip
    assert ledger.most <= total
    assert asked["requests"] <= total
    print(f"charged in the end  {ledger.spent:>8,.0f} calls: what the dead were lent in full")


def most_in(times: list[float], window: float) -> int:
    """The largest number of requests in any window of so many seconds."""
    first = most = 0
    for last, at in enumerate(times):
        while at - times[first] > window:
            first += 1
        most = max(most, last - first + 1)
    return most


if __name__ == "__main__":
    main()
