"""What `rlm-async export` does: finds the runs that were named, exports them, says what came of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import anyio

from rlm_async.cli.amounts import count
from rlm_async.cli.report import COMPLETE
from rlm_async.cli.runs_place import place
from rlm_async.cli.streams import write, write_line
from rlm_async.cli.text import as_json as json_line
from rlm_async.contexts import load
from rlm_async.errors import ConfigError
from rlm_async.export.card import Card
from rlm_async.export.exporting import Export, Named, export
from rlm_async.export.formats import Shaping
from rlm_async.export.rewards import Scores, Weights
from rlm_async.export.selection import Wanted
from rlm_async.export.splitting import Split
from rlm_async.export.writing import Target
from rlm_async.journal import Journal
from rlm_async.journal.records import STATUSES

SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """An export as it was typed. `bounds`: score, dollars, seconds; `compared`: gap and group; `split` and its seed."""

    runs: Sequence[str]
    form: str
    output: str
    journal: str | None
    per: str
    turns: str | None
    scores: Sequence[str]
    weigh: Sequence[str]
    bounds: tuple[float | None, float | None, float | None]
    statuses: Sequence[str]
    models: Sequence[str]
    max_depth: int | None
    compared: tuple[float, int]
    split: tuple[str | None, int]
    tokens: str | None
    api_key: str | None = field(repr=False)
    inputs: Sequence[str]
    license: str


def exported(typed: Typed, *, as_json: bool, quiet: bool) -> int:
    """Export, and tell what came of it."""
    names, journals, scores = sorted_out(typed.runs)
    wanted = _export(typed, Scores.read([*scores, *map(Path, typed.scores)]))
    wanted.check()
    if typed.tokens is not None:  # only now: a server may have to be started for it
        wanted = replace(wanted, template=_template(typed.tokens, typed.api_key))
    with ExitStack() as stack:
        opened = [stack.enter_context(Journal(path, create=False)) for path in journals]
        found = [Named(journal=journal, record=record) for journal in opened for record in reversed(journal.runs())]
        if names:
            own = stack.enter_context(Journal(place(typed.journal, os.environ), create=False))
            found += [Named(journal=own, record=own.run(name), asked=True) for name in names]
        once = list({named.record.run: named for named in found}.values())
        told = partial(write_line, stream=sys.stderr) if not quiet else _silent
        card = anyio.run(partial(export, wanted, once, told), backend="asyncio")
    if as_json:
        write(f"{json_line(card.fields())}\n", sys.stdout)
    if not quiet:
        write_line(said(card, wanted.target), sys.stderr)
    return COMPLETE


def sorted_out(runs: Sequence[str]) -> tuple[list[str], list[Path], list[Path]]:
    """Names of runs, journals, and files with scores, as they were named. Raises ConfigError for what is neither."""
    names: list[str] = []
    journals: list[Path] = []
    scores: list[Path] = []
    for text in runs:
        path = Path(text).expanduser()
        files = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
        found = [file for file in files if file.is_file() and _is_journal(file)]
        rows = [file for file in files if file.suffix == ".jsonl"]
        journals += found
        scores += rows
        if not files and not path.exists():
            names.append(text)
        elif not found and not rows:
            raise ConfigError(f"{text} is no journal and holds none: name a run, a file of --journal, or its folder")
    if scores and not journals and not names:
        raise ConfigError(
            f"{scores[0]} holds scores and no runs: name the journal of those runs too (bench run --journal)"
        )
    return names, journals, scores


def said(card: Card, target: Target) -> str:
    """What came of it, in a line or a few."""
    lines = [
        f"{part}: {count(sizes['rows'], 'row')} of {count(sizes['runs'], 'run')} in {count(sizes['groups'], 'group')}"
        for part, sizes in card.counts.items()
    ]
    lines += [f"left out, {reason}: {number:,}" for reason, number in sorted(card.left_out.items())]
    lines += [
        f"empty: {part} (too few groups for this split)" for part, counts in card.counts.items() if not counts["rows"]
    ]
    if card.strayed:
        lines.append(f"{count(card.strayed, 'replay')} came to another answer than the run")
    return "\n".join([*lines, f"written to {target.path}; what it is stands in {target.card}"])


def _export(typed: Typed, scores: Scores) -> Export:
    low, usd, seconds = typed.bounds
    gap, least = typed.compared
    wanted = Wanted(
        statuses=_statuses(typed.statuses),
        min_score=low,
        max_usd=usd,
        max_seconds=seconds,
        models=tuple(typed.models),
        max_depth=typed.max_depth,
    )
    if typed.turns not in {None, "joined", "each"}:
        raise ConfigError(f"--turns {typed.turns!r}: choose joined or each")
    return Export(
        form=typed.form,
        target=Target(Path(typed.output).expanduser()),
        per=typed.per,
        joined=None if typed.turns is None else typed.turns == "joined",
        wanted=wanted,
        shaping=Shaping(Weights.of(typed.weigh), gap, least),
        scores=scores,
        split=Split.of(*typed.split),
        template=None if typed.tokens is None else (typed.tokens, None),
        inputs=tuple(load([path]) for path in typed.inputs),
        license=typed.license,
    )


def _statuses(given: Sequence[str]) -> tuple[str, ...]:
    for status in given:
        if status not in STATUSES or status == "running":
            raise ConfigError(f"--status {status!r}: choose complete, partial, failed or interrupted")
    return tuple(given) or Wanted().statuses


def _template(named: str, key: str | None) -> tuple[str, str | None]:
    """The address of a server and its key; a local model's is started if need be. Raises ConfigError."""
    from rlm_async.models.local.choice import choose, is_local  # noqa: PLC0415 - only where it is asked for
    from rlm_async.models.local.progress import Silent  # noqa: PLC0415 - the same
    from rlm_async.models.local.supervisor import Supervisor  # noqa: PLC0415 - the same

    if not is_local(named):
        if "://" not in named:
            raise ConfigError(f"--tokens {named!r}: name a llama.cpp server by its address, or local:NAME")
        return named, key
    serving = Supervisor.of(os.environ).ensure(choose(named).settings(os.environ), Silent())
    return serving.address, serving.api_key


def _is_journal(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def _silent(line: str) -> None:
    """Nobody wants to hear it."""
    del line
