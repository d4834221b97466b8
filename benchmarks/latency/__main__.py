"""Latency against the physical limit: ours and *bare* in turn, medians of five, a server in its own process.

    python -m benchmarks.latency                       all shows, as a table for docs/benchmarks.md
    python -m benchmarks.latency batched tree --runs 1

Read the ratio: bare is a small asyncio + aiohttp program that makes the same traffic in the same run. CPU is
that of the asking process, per request that the server saw; workers of the sandbox are processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path

import aiohttp

from benchmarks.latency.measuring import Meter, Taken, collector, server
from benchmarks.latency.shows import SHOWS, Show
from benchmarks.latency.traffic import Bare


async def measured(show: Show, url: str, runs: int) -> tuple[Taken, Taken]:
    """Bare and ours, taken in turn; the first of each is a warm-up and is not kept."""
    taken = (Taken(), Taken())
    connector = aiohttp.TCPConnector(limit=0)
    os.environ["OPENAI_API_BASE"] = f"{url}/v1"  # for litellm, which is asked by name and not by address
    async with aiohttp.ClientSession() as asking, show.rlm(url) as rlm:
        meter = Meter(url, asking)
        async with aiohttp.ClientSession(connector=connector) as session:
            pace = None if show.per_minute is None else show.per_minute // 60
            bare = Bare(url, session, show.cap, pace, show.timeout)
            for number in range(runs + 1):
                name = f"run{number}"
                for kept, program in ((taken[0], show.plain(bare, f"b{name}")), (taken[1], show.ours(rlm, f"o{name}"))):
                    if show.per_minute is not None:
                        await asyncio.sleep(1.1)  # what the last one sent must not count against this one

                    async def run(program=program) -> str:
                        return await program

                    one = await meter.taken(run)
                    if number or runs == 0:
                        kept.runs.append(one)
    return taken


def row(show: Show, bare: Taken, ours: Taken) -> list[str]:
    ratio = ours.seconds / bare.seconds
    kept = ours.seconds if show.absolute else ratio
    target = "" if show.target is None else f"≤ {show.target:g} s" if show.absolute else f"≤ {show.target:g}"
    met = "" if show.target is None else " yes" if kept <= show.target else " **no**"
    refused = ours.count("refused") / ours.count("requests")
    note = ours.runs[-1].note + (f"; {refused:.1%} answered 429" if ours.count("refused") else "")
    return [
        show.title,
        f"{bare.seconds:.3f}",
        f"{ours.seconds:.3f}",
        f"{ratio:.2f}",
        target + met,
        f"{bare.cpu_per_request:.2f}",
        f"{ours.cpu_per_request:.2f}",
        str(ours.runs[-1].counts["peak"]),
        note,
    ]


HEADS = ["what", "bare s", "ours s", "ours / bare", "target", "bare ms CPU", "ours ms CPU", "peak", "ours made"]


def line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *(show.name for show in SHOWS)], help="default: all")
    parser.add_argument("--runs", type=int, default=5, help="kept of each, after one warm-up")
    parser.add_argument("--json", type=Path, help="every run, for later")
    options = parser.parse_args()
    print(f"{platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {options.runs} runs\n")
    print(line(HEADS))
    print(line(["---"] * len(HEADS)), flush=True)
    kept = {}
    for show in SHOWS:
        if options.names and show.name not in options.names:
            continue
        with server(*show.options()) as url, collector(relaxed=show.relaxed):
            bare, ours = asyncio.run(measured(show, url, options.runs))
        kept[show.name] = {"bare": asdict(bare)["runs"], "ours": asdict(ours)["runs"]}
        print(line(row(show, bare, ours)), flush=True)
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
