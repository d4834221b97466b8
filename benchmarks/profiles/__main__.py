"""What each profile buys, with n and 95 % intervals; exit status 1 where `legal` with an oracle leaf is not exact.

    python -m benchmarks.profiles [KIND…] [--data-dir DIR] [--windows 5] [--leaf sim-oracle …] [--misses]

Kinds: legal, code, support, research. `legal` wants CUAD below the data folder, else contracts of our own. A leaf is a
simulated model that knows the gold labels of what it is shown, and loses some with length unless it is the oracle: the
scores measure which text is brought before it, and no model. Nothing is timed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio

from benchmarks.profiles import contracts, papers, sources, threads
from benchmarks.profiles.trial import Case, Result, tried
from rlm_async.bench.score import Interval, interval
from rlm_async.profiles import load

KINDS = {"legal": contracts.cases, "code": sources.cases, "support": threads.cases, "research": papers.cases}


def grouped(results: Sequence[Result], value) -> Interval:
    """The mean of a value, its interval drawn over windows."""
    windows: dict[int, list[float]] = {}
    for result in results:
        windows.setdefault(result.case.window, []).append(value(result))
    return interval(list(windows.values()))


def table(kind: str, results: Sequence[Result]) -> None:
    print(f"\n{kind}: {len({result.case.question + str(result.case.window) for result in results})} questions")
    print(f"{'leaf':12} {'arm':18} {'exact':28} {'score':28} {'calls':>8} {'tokens':>12}")
    for leaf in dict.fromkeys(result.leaf for result in results):
        for arm in dict.fromkeys(result.arm for result in results):
            group = [result for result in results if (result.leaf, result.arm) == (leaf, arm)]
            exact, score = grouped(group, lambda result: float(result.score == 1.0)), grouped(group, lambda r: r.score)
            calls = sum(result.calls for result in group) / len(group)
            tokens = sum(result.tokens for result in group) / len(group)
            print(f"{leaf:12} {arm:18} {exact!s:28} {score!s:28} {calls:8.1f} {tokens:12,.0f}")
        paired(leaf, [result for result in results if result.leaf == leaf])


def paired(leaf: str, results: Sequence[Result]) -> None:
    """The difference that the profile makes, question by question."""
    without = {(r.case.window, r.case.question): r for r in results if r.arm == "without"}
    for arm in dict.fromkeys(result.arm for result in results if result.arm != "without"):
        group = [result for result in results if result.arm == arm]
        gain = grouped(group, lambda r: r.score - without[r.case.window, r.case.question].score)
        tokens = sum(r.tokens for r in group) / sum(without[r.case.window, r.case.question].tokens for r in group)
        print(f"{leaf:12} {arm:18} score gained {gain}, {tokens:.0%} of the tokens")


async def run(kind: str, cases: list[Case], leaves: Sequence[str], misses: bool) -> list[Result]:  # noqa: FBT001
    profile, results = load(kind), []
    for leaf in leaves:
        for case in cases:
            for arm in case.programs:
                result = await tried(case, arm, leaf, profile)
                results.append(result)
                if misses and result.score < 1.0:
                    print(
                        f"[{leaf}, {arm}] {case.question.splitlines()[0]}\n  gold {case.gold!r}\n  said {result.said!r}"
                    )
        print(".", end="", file=sys.stderr, flush=True)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--leaf", action="append", help="sim-oracle, sim-strong, sim-middle, sim-weak; again for more")
    parser.add_argument("--misses", action="store_true", help="print what was not exact")
    options = parser.parse_args()
    failed = False
    for kind in options.kinds or KINDS:
        if kind not in KINDS:
            parser.error(f"there is no kind {kind!r}")
        cases = list(KINDS[kind](options.data_dir, options.windows))
        results = anyio.run(run, kind, cases, options.leaf or ["sim-oracle", "sim-strong"], options.misses)
        table(kind, results)
        exact = [r.score == 1.0 for r in results if (r.leaf, r.arm) == ("sim-oracle", "with, rest read")]
        failed = failed or not all(exact)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
