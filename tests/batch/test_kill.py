"""A batch that is killed with -9 twice ends with every result once, and pays for no answered call again."""

from __future__ import annotations

import collections
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from rlm_async.testing import Served

ITEMS, PARTS = 100, 4
CODE = f"""```repl
parts = [llm_query(f"part {{i}} of {{context}}") for i in range({PARTS})]
answer["content"] = " ".join(parts)
answer["ready"] = True
```"""
LAG = 0.5
"""Seconds before a kill in which an answer may not have reached the disk yet, and after it in which the server
still finds what had been sent: such calls were in flight. The machine may have much else to do."""


class Played:
    """The models of the batch; knows which question was answered when, and tells when enough were asked."""

    def __init__(self):
        self.answered = collections.defaultdict(list)
        self.marks = {}
        self.seen = 0

    def mark(self, count):
        return self.marks.setdefault(count, threading.Event())

    def __call__(self, asked):
        text = "\n".join(message["content"] for message in asked.body["messages"])
        root = asked.body["messages"][0]["role"] == "system"
        self.answered[text].append(time.monotonic())
        self.seen += 1
        for count, event in self.marks.items():
            if self.seen >= count:
                event.set()
        return Served(text=CODE if root else asked.prompt.rpartition(" of ")[2], latency=0.02)


@pytest.mark.timeout(120)
def test_an_interrupted_batch_says_how_to_go_on_and_leaves_nothing_behind(batch, tmp_path):
    process = batch()
    assert batch.played.mark(100).wait(60), (tmp_path / "log.txt").read_text()
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(30) == 130
    log = (tmp_path / "log.txt").read_text()
    assert "interrupted; the same command goes on with" in log
    assert "Traceback" not in log
    done = len((tmp_path / "r.jsonl").read_text().splitlines())
    process = batch()
    assert process.wait(100) == 0
    found = [json.loads(line)["id"] for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert done < len(found) == len(set(found)) == ITEMS


@pytest.fixture
def batch(endpoint, environ, tmp_path):
    """Starts the same batch command as a process of its own."""
    played = Played()
    served = endpoint(played)
    rows = [{"id": f"i{n}", "question": "what is it?", "context": f"item-{n}"} for n in range(ITEMS)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["batch", "q.jsonl", "-o", "r.jsonl", "--strategy", "repl", "--concurrency", "16", "--items", "8"]

    def start():
        # nicer than a worker makes itself: that must not keep one from starting
        command = ["nice", "-n", "10", sys.executable, "-m", "rlm_async", *arguments, *served.options]
        with (tmp_path / "log.txt").open("ab") as log:
            return subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=log, stdout=log)

    start.played = played
    return start


@pytest.mark.timeout(240)
@pytest.mark.required_in_ci("needs nothing that a fresh machine does not have")
def test_a_batch_killed_twice_loses_nothing_and_pays_for_nothing_twice(batch, tmp_path):
    played, kills = batch.played, []
    whole = ITEMS * (1 + PARTS)
    for share in (0.3, 0.6):
        process = batch()
        assert played.mark(int(whole * share)).wait(100), (tmp_path / "log.txt").read_text()
        os.kill(process.pid, signal.SIGKILL)
        kills.append(time.monotonic())
        process.wait(20)
    process = batch()
    assert process.wait(120) == 0, (tmp_path / "log.txt").read_text()

    found = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert len(found) == ITEMS
    assert {line["id"]: line["text"] for line in found} == {
        f"i{n}": " ".join([f"item-{n}"] * PARTS) for n in range(ITEMS)
    }
    assert len(played.answered) == whole
    for text, times in played.answered.items():
        for again in times[1:]:
            killed = max(kill for kill in kills if kill < again)
            assert any(abs(killed - at) < LAG for at in times), f"asked again without need: {text[-60:]}"
    assert played.seen - whole < 2 * 50
