"""`python -m benchmarks.idioms [--calls 64] [--latency 0.2] [--rounds 5] [--only NAME]` prints the table.

Times are medians, in multiples of the bare program's. Designs that need longer than a few latencies for an
idiom run once.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics

from benchmarks.idioms.designs import Bench, Run, expected
from benchmarks.idioms.idiom import Idiom
from benchmarks.idioms.table import IDIOMS

DESIGNS = ("ours", "blocking", "threads", "coroutines")


async def measured(bench: Bench, design: str, idiom: Idiom, rounds: int) -> Run:
    """The run of median time."""
    run = getattr(bench, design)
    runs = [await run(idiom)]
    if runs[0].seconds < 1.5:
        runs += [await run(idiom) for _ in range(rounds - 1)]
    return sorted(runs, key=lambda one: one.seconds)[len(runs) // 2]


def cell(run: Run, right: str, bare: float) -> str:
    """Calls, peak and time, or what is wrong."""
    mark = "" if run.same(right) else " WRONG"
    extra = f" (+{run.speculative})" if run.speculative else ""
    return f"{run.calls}{extra}/{run.peak} {run.seconds / bare:.2f}x{mark}"


async def table(options: argparse.Namespace) -> int:
    """Print it; how many goals were missed or results wrong in ours."""
    n, rounds, missed = options.calls, options.rounds, 0
    async with Bench.opened(n, options.latency) as bench:
        await bench.ours(IDIOMS["batched"])  # warm: zygote, connections
        bares: dict[int, float] = {}
        print(f"n={n}, latency {options.latency:g} s; each cell: calls (+speculative)/peak in flight, time of bare")
        print(f"| idiom | goal | {' | '.join(DESIGNS)} |\n|---|---|{'---|' * len(DESIGNS)}")
        for name, idiom in IDIOMS.items():
            if options.only and options.only not in name:
                continue
            right, calls = expected(idiom, n)
            if calls not in bares:
                bares[calls] = statistics.median([(await bench.bare(calls)).seconds for _ in range(rounds)])
            runs = [await measured(bench, design, idiom, rounds) for design in DESIGNS]
            ours, bare = runs[0], bares[calls]
            missed += not ours.same(right) or (idiom.goal is not None and ours.seconds > idiom.goal * bare)
            cells = " | ".join(cell(run, right, bare) for run in runs)
            print(f"| {name} | {idiom.goal or ''} | {cells} |", flush=True)
        print(f"bare: {', '.join(f'{calls} calls {seconds:.3f} s' for calls, seconds in sorted(bares.items()))}")
    return missed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idioms", description=__doc__)
    parser.add_argument("--calls", type=int, default=64, help="texts in the context (default 64)")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds of the server for one call (default 0.2)")
    parser.add_argument("--rounds", type=int, default=5, help="runs for each median (default 5)")
    parser.add_argument("--only", default="", help="idioms whose name holds this")
    raise SystemExit(asyncio.run(table(parser.parse_args())))


if __name__ == "__main__":
    main()
