"""Fits the simulated model's rot to the published curve of direct calls on OOLONG, and checks it on other windows.

    python -m benchmarks.sim.fit --data-dir DIR [--windows 24] [--check]

`--check` only scores the curve as it stands in `rlm_async/bench/sim/profile.py`, on windows that were not fitted.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace
from pathlib import Path
from random import Random

from rlm_async.bench.corpora import Corpora
from rlm_async.bench.score import interval, scored
from rlm_async.bench.sim.mind import Reading
from rlm_async.bench.sim.profile import PROFILES
from rlm_async.bench.tasks.catalogue import opened
from rlm_async.bench.windows import window

PUBLISHED = {8_192: 92, 16_384: 77, 32_768: 49, 65_536: 45, 131_072: 44, 262_144: 31}
HELD_OUT = 1_000
"""Seeds from here on were not fitted."""
STEPS = 10


def scores(windows, knowledge, profile):
    """The scores of the direct arm, one list a window; the same luck at every strength of the rot."""
    found = []
    for made in windows:
        text = made.context.text
        found.append([])
        for number, question in enumerate(made.questions):
            tokens = made.tokens + 200
            reading = Reading(knowledge, profile, tokens, Random(f"{made.seed}/{number}"))
            said = reading.reply(f"{text}\n\n---\nAnswer from the text above.\n\n{question.text}")
            found[-1].append(scored(question.kind, said, question.gold))
    return found


def fitted(windows, knowledge, goal):
    """The share of confused items at which the mean score is `goal`, by bisection."""
    low, high = 0.0005, 1.0
    for _ in range(STEPS):
        middle = (low * high) ** 0.5
        profile = replace(PROFILES["sim-strong"], floor=middle, stretch=1e-9)
        mean = statistics.fmean(score for made in scores(windows, knowledge, profile) for score in made)
        low, high = (middle, high) if mean > goal else (low, middle)
    return (low * high) ** 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--windows", type=int, default=24)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    tasks, knowledge = opened(["oolong_trec"], Corpora(options.data_dir))
    task = tasks["oolong_trec"]
    print(f"{task.data}: {options.windows} windows of each size")
    for size, goal in PUBLISHED.items():
        held_out = [window(task, size, HELD_OUT + seed) for seed in range(options.windows)]
        line = f"{size:>8} published {goal}"
        if not options.check:
            windows = [window(task, size, seed) for seed in range(options.windows)]
            share = fitted(windows, knowledge, goal / 100)
            tokens = round(statistics.fmean(made.tokens for made in windows))
            line += f"  fitted ({tokens}, {share:.4f})"
        line += f"  simulated {interval(scores(held_out, knowledge, PROFILES['sim-strong']))}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
