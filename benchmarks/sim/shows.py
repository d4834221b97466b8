"""What the simulated model shows of the orchestrator, each claim with its figures; exit status 1 where one fails.

    python -m benchmarks.sim.shows [CLAIM…] [--data-dir DIR] [--windows 12]

Claims: curve, syntax, order, clock, scaling, controls. All but `clock` run in virtual time and are the same on
every machine; `clock` needs a quiet one. A few minutes for all with the sample; `curve` wants the TREC questions.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.sim.fit import HELD_OUT, PUBLISHED, scores
from rlm_async.bench.corpora import Corpora
from rlm_async.bench.points import Row
from rlm_async.bench.runner import Bench
from rlm_async.bench.score import interval
from rlm_async.bench.sim.profile import PROFILES
from rlm_async.bench.store import Rows
from rlm_async.bench.summary import Group, ideal_wall, sections
from rlm_async.bench.sweep import Sweep, points
from rlm_async.bench.tasks.catalogue import opened
from rlm_async.bench.windows import window

CURVE_POINTS = 5.0
SCALING = 0.20
CLOCKS = 0.05
PROMPT_GAIN = 0.02


@dataclass
class Show:
    corpora: Corpora
    windows: int
    failed: list[str] = field(default_factory=list)

    def say(self, claim: str, *, holds: bool, figures: str) -> None:
        print(f"{'holds' if holds else 'FAILS'}  {claim}: {figures}", flush=True)
        if not holds:
            self.failed.append(claim)

    def rows(self, task: str, sweep: Sweep, questions: int | None = None) -> list[Row]:
        tasks, knowledge = opened([task], self.corpora)
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(tasks, knowledge, Rows(Path(folder) / "rows.jsonl"), questions=questions)
            bench.run(points(sweep, tasks))
            return list(bench.rows)

    def groups(self, task: str, sweep: Sweep, questions: int | None = None) -> list[Group]:
        return [group for groups in sections(self.rows(task, sweep, questions)).values() for group in groups]


def virtual(**options) -> Sweep:
    return Sweep(models=[("sim-strong", "sim-strong")], clock="virtual", **options)


def curve(show: Show) -> None:
    """The direct arm against the published curve, on windows that were not fitted."""
    tasks, knowledge = opened(["oolong_trec"], show.corpora)
    for size, published in PUBLISHED.items():
        made = [window(tasks["oolong_trec"], size, HELD_OUT + seed) for seed in range(max(30, show.windows))]
        found = interval(scores(made, knowledge, PROFILES["sim-strong"]))
        away = 100 * found.mean - published
        show.say(f"direct at {size:,}", holds=abs(away) <= CURVE_POINTS, figures=f"{found}, published {published}")


def syntax(show: Show) -> None:
    """With many syntax errors depth hurts, with none it does not."""
    sweep = virtual(
        arms=["depth 1", "depth 2", "depth 3"], sizes=[32_768], seeds=show.windows, syntax_errors=[0.0, 0.6]
    )
    groups = show.groups("oolong_trec", sweep, questions=4)
    found = {(group.point.syntax_errors, group.point.depth): group.score for group in groups}
    figures = ", ".join(f"depth {depth}: {score}" for (rate, depth), score in sorted(found.items()) if rate == 0)
    worst = min(found[0.0, depth].mean for depth in (2, 3))
    show.say("without syntax errors depth does not hurt", holds=worst >= found[0.0, 1].low, figures=figures)
    figures = ", ".join(f"depth {depth}: {score}" for (rate, depth), score in sorted(found.items()) if rate)
    hurt = (
        found[0.6, 1].mean > found[0.6, 2].mean > found[0.6, 3].mean - 0.1 and found[0.6, 3].high < found[0.6, 1].mean
    )
    show.say("with 60 % syntax errors a turn depth hurts", holds=hurt, figures=figures)


def order(show: Show) -> None:
    """One request at a time and sixty-four give the same answers for the same money."""
    for task in ("oolong_trec", "nested_oolong", "cuad_corpus"):
        size = 16_384 if task == "oolong_trec" else 6
        rows = show.rows(task, virtual(arms=["depth 1", "depth 2"], sizes=[size], seeds=2, concurrency=[1, 64]))
        said = {}
        for row in rows:
            point = replace(row.point, concurrency=0)
            said.setdefault((point, row.key[-2:]), set()).add((row.said, row.calls, row.usd))
        same = all(len(answers) == 1 for answers in said.values())
        show.say(f"{task}: concurrency 1 and 64 agree", holds=same, figures=f"{len(said)} pairs of runs")


def clock(show: Show) -> None:
    """Virtual seconds are real seconds, with jailed workers and real sleeps."""
    both = []
    for kind in ("virtual", "real"):
        sweep = replace(virtual(arms=["depth 1", "depth 2"], sizes=[8_192], seeds=2, concurrency=[8]), clock=kind)
        both.append({(row.point.arm, row.point.seed): row for row in show.rows("oolong_trec", sweep, questions=1)})
    for name, row in both[0].items():
        away = both[1][name].wall / row.wall - 1
        same = both[1][name].said == row.said
        figures = f"virtual {row.wall:.2f} s, real {both[1][name].wall:.2f} s ({away:+.1%}), same answer: {same}"
        show.say(f"clocks agree, {name[0]}, window {name[1]}", holds=abs(away) <= CLOCKS and same, figures=figures)


def scaling(show: Show) -> None:
    """OOLONG at a million tokens: wall time falls as it ideally could."""
    sweep = virtual(
        arms=["map-reduce", "depth 1"], sizes=[1_048_576], seeds=1, chunks=[20], concurrency=[1, 4, 16, 64, 256]
    )
    for row in show.rows("oolong_trec", sweep, questions=1):
        over = row.wall / ideal_wall(row) - 1
        figures = (
            f"{row.calls} calls, wall {row.wall:.1f} s, ideal {ideal_wall(row):.1f} s ({over:+.1%}), "
            f"critical path {row.critical:.1f} s, {row.peak} at once, {row.coverage:.0%} read"
        )
        judged = row.point.concurrency <= 64
        show.say(
            f"{row.point.arm} at concurrency {row.point.concurrency}",
            holds=not judged or over <= SCALING,
            figures=figures,
        )


def controls(show: Show) -> None:
    """A chain gains nothing from concurrency, a needle nothing from depth."""
    chain = show.groups("babi_chain", virtual(arms=["depth 1"], sizes=[8_192], seeds=3, concurrency=[1, 64]))
    one, many = (group.mean(lambda row: row.wall) for group in chain)
    gain = one / many - 1
    show.say(
        "babi_chain gains nothing from concurrency",
        holds=abs(gain) <= PROMPT_GAIN,
        figures=f"{one:.1f} s, {many:.1f} s",
    )
    sweep = virtual(arms=["depth 0", "depth 1", "depth 2", "depth 3"], sizes=[131_072], seeds=3)
    needles = show.groups("sniah", sweep)
    means = {group.point.arm: group.score.mean for group in needles}
    most = max(row.calls for group in needles for row in group.rows)
    below = max(
        sum(calls for depth, (calls, _, _) in row.by_depth.items() if depth != "0")
        for group in needles
        for row in group.rows
    )
    gained = max(means.values()) - means["depth 1"]
    show.say("sniah gains nothing from depth", holds=gained <= PROMPT_GAIN, figures=f"{means}, {most} calls at most")
    show.say("sniah asks at most 2 sub-queries", holds=below <= 2, figures=f"{below} at most")


CLAIMS = {"curve": curve, "syntax": syntax, "order": order, "clock": clock, "scaling": scaling, "controls": controls}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=", ".join(CLAIMS))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--windows", type=int, default=12)
    options = parser.parse_args()
    show = Show(Corpora(options.data_dir), options.windows)
    for name in options.claims or CLAIMS:
        if name not in CLAIMS:
            parser.error(f"there is no claim {name!r}")
        CLAIMS[name](show)
    print(f"{len(show.failed)} claims fail" if show.failed else "all claims hold")
    return 1 if show.failed else 0


if __name__ == "__main__":
    sys.exit(main())
