"""The same work by public frameworks, by us, and bare: one server, one script for the model, one table.

    python -m benchmarks.peers.install                 first, once
    python -m benchmarks.peers [--runs 3] [PEER ...]   a Markdown table for docs/benchmarks.md

Each peer runs in its own environment and process (`driver.py`, `adapters/`), is warmed up once, and is stopped
where it takes longer than the limit. What it says must be the right answer. `ours` runs its code in the jail;
the peers but recursive-llm run it in their own process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.latency.__main__ import line, measured
from benchmarks.latency.measuring import server
from benchmarks.latency.shows import SHOWS, Show
from benchmarks.peers.install import HOME, PEERS, python_of

WORK = ("loop", "batched", "tree", "turns", "at-once")
ADAPTERS = Path(__file__).parent / "adapters"


@dataclass
class Peer:
    """A peer's process, for one show."""

    process: subprocess.Popen[str]
    limit: float

    def told(self) -> dict:
        """Its next line; nothing where it does not come in time, or the process has ended."""
        timer = threading.Timer(self.limit, self.process.kill)
        timer.start()
        try:
            text = self.process.stdout.readline()
        finally:
            timer.cancel()
        return json.loads(text) if text else {}

    def asked(self, questions: list[str]) -> dict:
        try:
            self.process.stdin.write(json.dumps(questions) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return {}
        return self.told()


def cell(name: str, show: Show, home: Path, runs: int, limit: float) -> str:
    """What one peer makes of one show."""
    python = python_of(home, name)
    adapter = ADAPTERS / f"{name.replace('-', '_')}.py"
    with server(*show.options()) as url:
        command = [str(python), str(Path(__file__).with_name("driver.py")), str(adapter), url, str(show.depth)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                return judged(Peer(process, limit), show, runs)
            finally:
                process.kill()


def judged(peer: Peer, show: Show, runs: int) -> str:
    ready = peer.told()
    if "ready" not in ready:
        return f"- ({ready['cannot']})" if ready else "does not start"
    taken = []
    for number in range(runs + 1):  # the first is a warm-up
        questions = [show.task.format(name=f"p{number}.{each}") for each in range(show.at_once)]
        told = peer.asked(questions)
        if not told:
            return f"> {peer.limit:.0f} s"
        wrong = [answer for answer in told["answers"] if str(answer).strip() != str(show.result)]
        if wrong:
            return f"wrong: {' '.join(str(wrong[0]).split())[:60]!r}"
        taken.append(told["seconds"])
    return f"{statistics.median(taken[1:] or taken):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *PEERS], help="peers; default: all that are installed")
    parser.add_argument("--home", type=Path, default=HOME)
    parser.add_argument("--runs", type=int, default=3, help="kept of each, after one warm-up")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one run of a peer")
    parser.add_argument("--work", nargs="*", choices=WORK, default=WORK, help="default: all of it")
    parser.add_argument("--latency", type=float, help="of a leaf in seconds, instead of each show's own")
    options = parser.parse_args()
    names = [name for name in options.names or PEERS if python_of(options.home, name).exists()]
    shows = [show for wanted in options.work for show in SHOWS if show.name == wanted]
    if options.latency is not None:
        shows = [replace(show, latency=options.latency) for show in shows]
    print(
        f"{platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; medians of {options.runs}\n"
    )
    heads = ["seconds", "bare", "ours", *(PEERS[name].replace("==", " ") for name in names)]
    print(line(heads))
    print(line(["---"] * len(heads)), flush=True)
    for show in shows:
        with server(*show.options()) as url:
            bare, ours = asyncio.run(measured(show, url, options.runs))
        cells = [cell(name, show, options.home, options.runs, options.limit) for name in names]
        print(line([show.title, f"{bare.seconds:.3f}", f"{ours.seconds:.3f}", *cells]), flush=True)


if __name__ == "__main__":
    main()
