"""One HTML file with every table and figure of some rows; simulated, local and real models each by themselves."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rlm_async.bench.points import Row, Source
from rlm_async.bench.summary import Group, Section, sections
from rlm_async.errors import ConfigError

KINDS: Mapping[Source, tuple[str, str]] = {
    "simulated": (
        "Simulated models",
        (
            "These figures measure the orchestrator. No score here is any model's: the simulated model knows the "
            "labels of single items and loses them by a fitted rule."
        ),
    ),
    "local": ("Models on this machine", "Small models, run for real."),
    "real": ("Models of providers", "Run for real."),
}
COLUMNS = (
    "arm", "size", "tokens", "at once", "chunk", "score % [95 %] n=questions/windows", "wall p50", "wall p95",
    "critical / wall", "ideal / wall", "US$", "tokens used", "calls", "peak", "read", "shared + cached",
    "failed sub-queries", "partial", "failed",
)  # fmt: skip

_STYLE = """
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;color:#1a1a1a}
h1,h2,h3{line-height:1.2}h2{border-top:2px solid #1a1a1a;padding-top:.6rem;margin-top:2.5rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:12px;display:block;overflow-x:auto}
th,td{padding:.2rem .55rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}figure{display:inline-block;margin:.8rem 1rem .8rem 0;max-width:34rem}
figure img{width:100%}figcaption{font-size:12px;color:#444}.note{background:#fff6e0;padding:.5rem .8rem}
"""


def write_report(rows: Sequence[Row], path: Path, figures: Path | None = None) -> None:
    """Write the report, and its figures as PNG into a folder. Raises ConfigError where the extra is missing."""
    try:
        from rlm_async.bench.figures import drawn  # noqa: PLC0415 - matplotlib is an extra
    except ImportError as error:
        raise ConfigError("the report needs matplotlib: pip install 'rlm-async[bench]'") from error
    parts = [_head(rows)]
    found = sections(rows)
    for source, (title, note) in KINDS.items():
        own = {section: groups for section, groups in found.items() if section.source == source}
        if not own:
            continue
        parts.append(f'<h2>{title}</h2><p class="note">{note}</p>')
        for section, groups in own.items():
            parts.append(_table(section, groups))
            for figure in drawn(section, groups):
                parts.append(_figure(figure.png, figure.caption))
                _kept(figures, section, figure.name, figure.png)
    try:
        path.write_text("\n".join([*parts, "</body></html>", ""]), "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def _head(rows: Sequence[Row]) -> str:
    errors = sum(row.status == "failed" for row in rows)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>rlm-async: benchmarks</title>'
        f"<style>{_STYLE}</style></head><body><h1>Benchmarks of rlm-async</h1>"
        f"<p>{len(rows)} questions, {errors} of them failed. Intervals are 95 % bootstrap intervals over windows "
        "(questions of one window are not independent); with one window there is none, and it reads 0 to 100. "
        "<i>Read</i>: the part of the input that stood in some prompt. <i>Critical</i>: the longest chain of "
        "dependent model calls. <i>Ideal</i>: the wall time below which no schedule of the same calls gets.</p>"
    )


def _table(section: Section, groups: Sequence[Group]) -> str:
    title = f"{section.task} · {section.model} · data: {section.data} · {section.clock} clock"
    head = "".join(f"<th>{html.escape(column)}</th>" for column in COLUMNS)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells_of(group))}</tr>" for group in groups
    )
    return f"<h3>{html.escape(title)}</h3><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def cells_of(group: Group) -> list[str]:
    """The cells of a group's line, as `COLUMNS` names them."""
    point, usd = group.point, group.usd
    wall = group.mean(lambda row: row.wall)
    money = "unknown" if usd is None else f"{usd.mean:.4f} [{usd.low:.4f}, {usd.high:.4f}]"
    return [
        group.label,
        f"{point.size:,}",
        f"{group.tokens:,}",
        str(point.concurrency),
        str(point.chunk) if point.chunk else "",
        str(group.score),
        f"{group.walls(0.5):.1f} s",
        f"{group.walls(0.95):.1f} s",
        f"{group.mean(lambda row: row.critical) / wall:.2f}" if wall else "",
        f"{group.ideal / wall:.2f}" if wall else "",
        money,
        f"{group.mean(lambda row: row.prompt_tokens + row.completion_tokens):,.0f}",
        f"{group.mean(lambda row: row.calls):,.1f}",
        str(max(row.peak for row in group.rows)),
        f"{group.mean(lambda row: row.coverage):.0%}",
        f"{group.mean(lambda row: row.shared_nodes + row.cached):,.1f}",
        f"{group.mean(lambda row: row.failures):,.1f}",
        str(sum(row.status == "partial" for row in group.rows)),
        str(sum(row.status == "failed" for row in group.rows)),
    ]


def _figure(png: bytes, caption: str) -> str:
    source = base64.b64encode(png).decode()
    text = html.escape(caption)
    return f'<figure><img src="data:image/png;base64,{source}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def _kept(folder: Path | None, section: Section, name: str, png: bytes) -> None:
    if folder is None:
        return
    parts = (section.source, section.model, section.task, section.data.partition("@")[0], section.clock, name)
    file = re.sub(r"[^\w.-]+", "-", "_".join(parts))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{file}.png").write_bytes(png)
    except OSError as error:
        raise ConfigError(f"cannot write into {folder}: {error.strerror}") from error
