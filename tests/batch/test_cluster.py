"""The whole of it: four workers on a real PostgreSQL, two killed with -9, the database restarted in the middle.

All results once, the budget kept, the rate kept as the model server saw it, each item one trace.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from rlm_async.testing import Served
from tests.batch.database import Server, binaries

pytest.importorskip("procrastinate", reason="the extra postgres is not installed")

pytestmark = [
    pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server is installed"),
    pytest.mark.required_in_ci(".ci/run installs PostgreSQL"),
    pytest.mark.timeout(240),
]
ITEMS = 60
RATE = 40
"""Requests a second, over all workers."""


class Played:
    """A model server that notes when it was asked what; tells when so many were asked."""

    def __init__(self):
        self.times = []
        self.marks = {ITEMS * share // 100: threading.Event() for share in (30, 50, 60)}

    def __call__(self, asked):
        self.times.append((time.monotonic(), asked.prompt))
        for count, event in self.marks.items():
            if len(self.times) >= count:
                event.set()
        return Served(text=asked.prompt.rpartition(" ")[2], latency=0.05, tokens=(90, 10, 0))


@pytest.fixture
def cluster(environ, endpoint, tmp_path):
    """Starts commands of one batch as processes, and ends them all."""
    played = Played()
    with ExitStack() as stack:
        database = stack.enter_context(Server())
        served = endpoint(played)
        rows = [{"id": f"i{n}", "question": f"say {n}"} for n in range(ITEMS)]
        (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

        def start(*arguments):
            command = [sys.executable, "-m", "rlm_async", *map(str, arguments)]
            log = stack.enter_context((tmp_path / "log.txt").open("ab"))
            process = subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=log, stdout=log)
            stack.callback(process.wait, 20)
            stack.callback(process.kill)
            return process

        def batch(*more):
            where = ["--executor", database.url, "--strategy", "direct", "--journal", "none"]
            return start("batch", "q.jsonl", "-o", "r.jsonl", *where, *served.options, *more)

        def worker():
            return start("worker", "--executor", database.url, "--items", 8)

        batch.worker, batch.played, batch.database = worker, played, database
        batch.log = (tmp_path / "log.txt").read_text
        batch.results = lambda: [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
        yield batch


def test_killed_workers_and_a_restarted_database_lose_nothing(cluster):
    workers = [cluster.worker() for _ in range(4)]
    command = cluster("--rate", f"rpm={RATE * 60}", "--limit", "calls=3", "--total", f"calls={ITEMS * 3}")
    marks = cluster.played.marks
    assert marks[18].wait(60), cluster.log()
    os.kill(workers[0].pid, signal.SIGKILL)
    assert marks[30].wait(60), cluster.log()
    cluster.database.restart()
    os.kill(workers[1].pid, signal.SIGKILL)
    assert command.wait(150) == 0, cluster.log()

    found = cluster.results()
    assert sorted(line["id"] for line in found) == sorted(f"i{n}" for n in range(ITEMS))
    assert all(line["text"] == line["id"][1:] for line in found)
    assert len(cluster.played.times) <= ITEMS + 2 * 8, "only what the dead had in hand was asked again"
    times = sorted(at for at, _ in cluster.played.times)
    for first in range(len(times) - RATE // 2):
        assert times[first + RATE // 2] - times[first] > 0.5 * 0.7, "half a second's requests came in less"


def test_a_batch_stops_at_its_total_over_all_workers_and_goes_on_with_more(cluster):
    for _ in range(2):
        cluster.worker()
    assert cluster("--limit", "calls=1", "--total", "calls=20").wait(100) == 3, cluster.log()
    assert len(cluster.played.times) == 20
    assert len(cluster.results()) == 20
    assert cluster("--limit", "calls=1", "--total", "calls=100").wait(100) == 0, cluster.log()
    assert len(cluster.played.times) == ITEMS
    assert len(cluster.results()) == ITEMS
