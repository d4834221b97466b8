"""The figures of the report, each of one section: every point with its interval, every caption with its n."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rlm_async.bench.score import Interval
from rlm_async.bench.summary import Group, Section, front

COLOURS = {
    "direct": "#b2182b",
    "depth 0": "#999999",
    "depth 1": "#2166ac",
    "depth 2": "#4393c3",
    "depth 3": "#053061",
    "map-reduce": "#1b7837",
    "auto": "#e08214",
}
WIDTH, HEIGHT = 6.4, 4.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure as PNG, with its name and its caption."""

    name: str
    caption: str
    png: bytes


def drawn(section: Section, groups: Sequence[Group]) -> list[Drawn]:
    """All figures that a section has points for."""
    plain = [group for group in groups if group.point.budget is None]
    makers: tuple[tuple[str, str, Callable[[Axes], int]], ...] = (
        ("pareto", "Score against dollars a question, with the Pareto front.", lambda axes: _pareto(axes, groups)),
        ("rot", "Context rot: score against the length of the input.", lambda axes: _rot(axes, plain)),
        ("latency", "Wall time against requests at once; dashed: no schedule of these calls could be faster.",
         lambda axes: _latency(axes, plain)),
        ("cost", "Dollars a question against depth.", lambda axes: _cost(axes, plain)),
        ("critical", "The part of the wall time that is the longest chain of dependent calls (at 1 nothing is left).",
         lambda axes: _critical(axes, plain)),
        ("by-depth", "Tokens a question by the depth at which they were used.", lambda axes: _by_depth(axes, plain)),
    )  # fmt: skip
    found = []
    for name, caption, make in makers:
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        points = make(axes)
        if points == 0:
            continue
        count = sum(len(group.rows) for group in groups)
        windows = len({(row.point.size, row.point.seed) for group in groups for row in group.rows})
        where = f"{section.task} ({section.data.partition('@')[0]}), {section.model}, {section.source}"
        axes.set_title(f"{where}, {section.clock} clock, n={count}/{windows}", fontsize=9)
        axes.grid(visible=True, alpha=0.3)
        full = f"{caption} {where}; {count} questions over {windows} windows; bars are 95 % bootstrap intervals."
        found.append(Drawn(name, full, _png(figure)))
    return found


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _bars(mean: Interval) -> list[list[float]]:
    return [[max(mean.mean - mean.low, 0.0)], [max(mean.high - mean.mean, 0.0)]]


def _pareto(axes: Axes, groups: Sequence[Group]) -> int:
    size = max(group.point.size for group in groups)
    priced = [(group, usd) for group in groups if group.point.size == size and (usd := group.usd) is not None]
    if not priced:
        return 0
    points = [(usd.mean, group.score.mean) for group, usd in priced]
    for (group, usd), point in zip(priced, points, strict=True):
        colour = COLOURS[group.point.arm]
        axes.errorbar(*point, xerr=_bars(usd), yerr=_bars(group.score), fmt="o", color=colour, capsize=2, markersize=4)
        axes.annotate(_short(group), point, fontsize=6, xytext=(4, 3), textcoords="offset points")
    line = [points[index] for index in front(points)]
    axes.plot([x for x, _ in line], [y for _, y in line], color="black", linewidth=0.8)
    if min(x for x, _ in points) > 0:
        axes.set_xscale("log")
    axes.set(xlabel=f"US dollars a question (size {size:,})", ylabel="score", ylim=(-0.05, 1.05))
    return len(points)


def _rot(axes: Axes, groups: Sequence[Group]) -> int:
    lines = _lines(groups, lambda group: group.point.concurrency)
    if max((len({group.point.size for group in line}) for line in lines.values()), default=0) < 2:  # noqa: PLR2004 - a line wants two points
        return 0
    for label, line in lines.items():
        _line(axes, label, [(float(group.tokens), group.score) for group in line], line[0].point.arm)
    axes.set_xscale("log", base=2)
    axes.set(xlabel="tokens of the input, as measured", ylabel="score", ylim=(-0.05, 1.05))
    axes.legend(fontsize=6)
    return len(lines)


def _latency(axes: Axes, groups: Sequence[Group]) -> int:
    size = max((group.point.size for group in groups), default=0)
    lines = _lines([group for group in groups if group.point.size == size], lambda group: group.point.size)
    kept = {label: line for label, line in lines.items() if len({group.point.concurrency for group in line}) > 1}
    for label, line in kept.items():
        ordered = sorted(line, key=lambda group: group.point.concurrency)
        points = [(float(group.point.concurrency), group.over_windows(lambda row: row.wall)) for group in ordered]
        _line(axes, label, points, ordered[0].point.arm)
        ideal = [group.ideal for group in ordered]
        axes.plot([x for x, _ in points], ideal, "--", color=COLOURS[ordered[0].point.arm], linewidth=0.8)
    if kept:
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.set_ylim(low / 2, high * 2)
        axes.set(xlabel="requests at once", ylabel=f"wall seconds a question (size {size:,})")
        axes.legend(fontsize=6)
    return len(kept)


def _cost(axes: Axes, groups: Sequence[Group]) -> int:
    size = max((group.point.size for group in groups), default=0)
    points: dict[int, Interval] = {}
    for group in groups:
        usd = group.usd
        if group.point.size == size and usd is not None and group.point.arm.startswith("depth"):
            points.setdefault(group.point.depth, usd)
    if points:
        _line(axes, "depth", [(float(depth), usd) for depth, usd in sorted(points.items())], "depth 1")
        axes.set(xlabel="depth", ylabel=f"US dollars a question (size {size:,})")
        axes.set_xticks(sorted(points))
        axes.set_ylim(bottom=0)
    return len(points)


def _critical(axes: Axes, groups: Sequence[Group]) -> int:
    lines = _lines(groups, lambda group: group.point.size)
    kept = {label: line for label, line in lines.items() if line[0].point.arm != "direct"}
    for label, line in kept.items():
        ordered = sorted(line, key=lambda group: group.point.concurrency)
        points = [
            (
                float(group.point.concurrency),
                group.over_windows(lambda row: row.critical / row.wall if row.wall else 0.0),
            )
            for group in ordered
        ]
        _line(axes, label, points, ordered[0].point.arm)
    if kept:
        axes.set_xscale("log", base=2)
        axes.set(xlabel="requests at once", ylabel="critical path / wall", ylim=(0, 1.1))
        axes.legend(fontsize=6)
    return len(kept)


def _by_depth(axes: Axes, groups: Sequence[Group]) -> int:
    size = max((group.point.size for group in groups), default=0)
    chosen: dict[str, Group] = {}
    for group in groups:
        if group.point.size == size:
            chosen.setdefault(_short(group), group)
    depths = sorted({depth for group in chosen.values() for row in group.rows for depth in row.by_depth})
    bottom = [0.0] * len(chosen)
    for depth in depths:
        heights = [_used(group, depth) for group in chosen.values()]
        axes.bar(list(chosen), heights, bottom=bottom, label=f"depth {depth}")
        bottom = [one + other for one, other in zip(bottom, heights, strict=True)]
    if not depths:
        return 0
    axes.tick_params(axis="x", labelrotation=30, labelsize=6)
    axes.set(ylabel=f"tokens a question (size {size:,})")
    axes.legend(fontsize=6)
    return len(chosen)


def _used(group: Group, depth: str) -> float:
    """Tokens a question at one depth."""
    return group.mean(lambda row: float(row.by_depth.get(depth, (0, 0, None))[1]))


def _lines(groups: Sequence[Group], apart: Callable[[Group], int]) -> dict[str, list[Group]]:
    """The groups of each label, apart by one more value where that has several."""
    several = len({apart(group) for group in groups if group.point.arm != "direct"}) > 1
    found: dict[str, list[Group]] = {}
    for group in groups:
        chunk = f", chunk {group.point.chunk}" if group.point.chunk else ""
        label = group.label + chunk + (f" ({apart(group):,})" if several and group.point.arm != "direct" else "")
        found.setdefault(label, []).append(group)
    return found


def _line(axes: Axes, label: str, points: Sequence[tuple[float, Interval]], arm: str) -> None:
    bars = [_bars(mean) for _, mean in points]
    axes.errorbar(
        [x for x, _ in points],
        [mean.mean for _, mean in points],
        yerr=[[low[0] for low, _ in bars], [high[0] for _, high in bars]],
        label=label,
        color=COLOURS[arm],
        marker="o",
        markersize=3,
        capsize=2,
        linewidth=1,
    )


def _short(group: Group) -> str:
    return f"{group.label}, {group.point.concurrency}" if group.point.arm != "direct" else "direct"
