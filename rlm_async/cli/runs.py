"""`rlm-async runs`: list the runs of a journal, delete old ones, give their space back."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from rlm_async.cli.amounts import count, duration, money
from rlm_async.cli.report import COMPLETE
from rlm_async.cli.runs_place import moment, place, size, when
from rlm_async.cli.streams import write, write_line
from rlm_async.cli.text import as_json, one_line
from rlm_async.core.data import Data
from rlm_async.core.usage import NOTHING, Usage
from rlm_async.errors import ConfigError
from rlm_async.journal import Journal, RunFilter, RunRecord
from rlm_async.journal.records import STATUSES, RunStatus

QUESTION = 60
"""Characters of a question in a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs, as it was typed."""

    journal: str | None = None
    status: str | None = None
    text: str = ""
    since: str | None = None
    before: str | None = None
    batch: str | None = None
    most: int | None = None

    def filter(self) -> RunFilter:
        """The filter; raises ConfigError for what is none."""
        return RunFilter(
            status=_status(self.status),
            text=self.text,
            since=None if self.since is None else moment("--since", self.since),
            before=None if self.before is None else moment("--before", self.before),
            batch=self.batch,
            most=self.most,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """Which runs go: those of `wanted`, and then the oldest until the rest fits `fit`. Only with `yes`."""

    wanted: Wanted = field(default_factory=Wanted)
    fit: str | None = None
    yes: bool = False


def listed(wanted: Wanted, *, as_lines: bool) -> int:
    """Print the runs, newest first; with `as_lines` each as one JSON object."""
    chosen = wanted.filter()
    with Journal(place(wanted.journal, os.environ), create=False) as journal:
        runs = journal.runs(chosen)
    if as_lines:
        write("".join(f"{as_json(fields(run))}\n" for run in runs), sys.stdout)
        return COMPLETE
    write("".join(f"{line}\n" for line in table(runs)), sys.stdout)
    write_line(total(runs), sys.stderr)
    return COMPLETE


def pruned(pruning: Pruning) -> int:
    """Delete runs, or say which would go; a run that is going on stays."""
    wanted = pruning.wanted
    target = None if pruning.fit is None else size("--to-size", pruning.fit)
    chosen = wanted.filter()
    if chosen == RunFilter() and target is None:
        raise ConfigError("say which runs are to go: --before 30d, --status failed, --to-size 500M, …")
    with Journal(place(wanted.journal, os.environ), create=False) as journal:
        going = [] if chosen == RunFilter() else [run for run in journal.runs(chosen) if run.status != "running"]
        before = journal.size
        if not pruning.yes:
            _announce(going, target, before)
            return COMPLETE
        journal.delete([run.run for run in going])
        gone = len(going) + (0 if target is None else _fitted(journal, target))
        write_line(
            f"deleted {count(gone, 'run')}: {_bytes(before)} were in use, now {_bytes(journal.size)}", sys.stderr
        )
    return COMPLETE


def vacuumed(given: str | None) -> int:
    """Give the space of deleted runs back to the disk."""
    path = place(given, os.environ)
    before = path.stat().st_size if path.exists() else 0
    with Journal(path, create=False) as journal:
        journal.vacuum()
    write_line(f"{path}: {_bytes(before)} before, now {_bytes(path.stat().st_size)}", sys.stderr)
    return COMPLETE


def table(runs: Sequence[RunRecord]) -> list[str]:
    """One line a run, under a heading."""
    rows = [("RUN", "STATUS", "BEGUN", "TOOK", "NODES", "CALLS", "PAID", "QUESTION")]
    rows += [
        (
            run.run,
            run.status,
            when(run.started),
            "" if run.seconds is None else duration(run.seconds),
            count(run.nodes),
            count(paid(run).calls),
            money(paid(run).nanos),
            one_line(run.question, QUESTION) or "(not kept)",
        )
        for run in runs
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    right = {3, 4, 5, 6}
    return [
        "  ".join(
            [
                *(
                    cell.rjust(width) if column in right else cell.ljust(width)
                    for column, (cell, width) in enumerate(zip(row, widths, strict=False))
                ),
                row[-1],
            ]
        )
        for row in rows
    ]


def total(runs: Sequence[RunRecord]) -> str:
    """What the runs have cost together: what one had taken over from another is counted once."""
    spent = sum((paid(run) for run in runs), NOTHING)
    return (
        f"{count(len(runs), 'run')}: {count(spent.calls, 'call')}, {count(spent.tokens, 'token')}, {money(spent.nanos)}"
    )


def paid(run: RunRecord) -> Usage:
    """What a run has paid itself."""
    whole, before = run.usage, run.recalled
    unknown = whole.nanos is None or before.nanos is None
    return Usage(
        calls=whole.calls - before.calls,
        prompt_tokens=whole.prompt_tokens - before.prompt_tokens,
        completion_tokens=whole.completion_tokens - before.completion_tokens,
        cached_tokens=whole.cached_tokens - before.cached_tokens,
        nanos=None if unknown else (whole.nanos or 0) - (before.nanos or 0),
    )


def fields(run: RunRecord) -> dict[str, Data]:
    """A run for programs; money in US dollars, None where a price is unknown."""
    spent = paid(run)
    return {
        "run": run.run,
        "status": run.status,
        "started": run.started,
        "seconds": run.seconds,
        "question": run.question,
        "text": run.text,
        "data": run.data,
        "limit": run.limit,
        "error": run.error,
        "model": run.model,
        "sub_model": run.sub_model,
        "context": {
            "digest": run.context.digest,
            "documents": run.context.documents,
            "characters": run.context.characters,
            "kept": run.context.kept,
        },
        "nodes": run.nodes,
        "usage": {"calls": run.usage.calls, "tokens": run.usage.tokens, "usd": run.usage.usd},
        "paid": {"calls": spent.calls, "tokens": spent.tokens, "usd": spent.usd},
        "origin": run.origin,
        "batch": run.batch,
        "item": run.item,
        "version": run.version,
    }


def _announce(going: Sequence[RunRecord], target: int | None, used: int) -> None:
    if going:
        write("".join(f"{line}\n" for line in table(going)), sys.stdout)
    rest = "" if target is None else f"; then the oldest until {_bytes(used)} are {_bytes(target)}"
    write_line(f"{count(len(going), 'run')} would go{rest}; --yes deletes them", sys.stderr)


def _fitted(journal: Journal, target: int) -> int:
    """Delete the oldest until the rest fits."""
    gone = 0
    oldest = [run.run for run in reversed(journal.runs()) if run.status != "running"]
    while oldest and journal.size > target:
        some, oldest = oldest[: max(1, len(oldest) // 16)], oldest[max(1, len(oldest) // 16) :]
        journal.delete(some)
        gone += len(some)
    return gone


def _status(text: str | None) -> RunStatus | None:
    if text is None:
        return None
    for status in STATUSES:
        if text == status:
            return status
    raise ConfigError(f"--status {text!r}: choose one of {', '.join(STATUSES)}")


def _bytes(number: int) -> str:
    return f"{number / 1e6:,.1f} MB"
