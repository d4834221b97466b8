"""`rlm-async diff A B`: where two runs parted, and what each came to."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence

from rlm_async.cli.amounts import count, duration, money
from rlm_async.cli.report import COMPLETE, FAILED
from rlm_async.cli.runs import fields, paid
from rlm_async.cli.runs_place import place
from rlm_async.cli.streams import write
from rlm_async.cli.text import as_json as json_line
from rlm_async.cli.text import one_line, visible
from rlm_async.core.data import Data
from rlm_async.core.events import Event
from rlm_async.journal import Journal, RunRecord
from rlm_async.journal.difference import Fact, Parting, parting

LINES = 60
"""Of the difference itself; what is longer is cut."""
LONGEST = 400
"""Characters of one of its lines."""


def compared(names: tuple[str, str], journals: tuple[str | None, str | None], *, as_json: bool) -> int:
    """Print the difference; exit status 0 where there is none, else 1."""
    (one, first), (other, second) = (_read(name, given) for name, given in zip(names, journals, strict=True))
    found = parting(first, second)
    if as_json:
        write(f"{json_line(_fields(one, other, found))}\n", sys.stdout)
    else:
        write("".join(f"{line}\n" for line in report(one, other, found)), sys.stdout)
    return COMPLETE if found is None else FAILED


def report(one: RunRecord, other: RunRecord, found: Parting | None) -> list[str]:
    """What a person reads."""
    lines = [_heading("A", one), _heading("B", other), ""]
    if found is None:
        lines.append("They tell the same: every question, reply, cell, output and answer is equal.")
    else:
        lines += [f"They part at {_place(found.fact)}:", *_texts(found)]
    return [*lines, "", *_totals(one, other)]


def _read(name: str, given: str | None) -> tuple[RunRecord, list[Event]]:
    with Journal(place(given, os.environ), create=False) as journal:
        record = journal.run(name)
        return record, journal.events(record.run)


def _heading(letter: str, run: RunRecord) -> str:
    came = f", from {run.origin}" if run.origin else ""
    return f"{letter}  {run.run}  {run.status}  {run.model}{came}  {one_line(run.question, 60)}"


def _place(fact: Fact) -> str:
    path = ".".join(map(str, fact.place)) or "the root"
    turn = f", turn {fact.turn}" if fact.turn else ""
    return f"node {fact.node} ({path}){turn}: {fact.kind}"


def _texts(found: Parting) -> list[str]:
    if found.one is None or found.other is None:
        missing = "A" if found.one is None else "B"
        shown = visible(found.fact.text).splitlines()[:LINES]
        return [f"{missing} has nothing there; the other:", *(f"  {line[:LONGEST]}" for line in shown)]
    if found.one.kind != found.other.kind:
        pairs = (("A", found.one), ("B", found.other))
        return [f"{letter} ({fact.kind}): {one_line(fact.text, LONGEST)}" for letter, fact in pairs]
    one, other = (visible(fact.text).splitlines() for fact in (found.one, found.other))
    lines = list(difflib.unified_diff(one, other, "A", "B", lineterm="", n=2))
    cut = [f"… and {len(lines) - LINES:,} more lines"] if len(lines) > LINES else []
    return [*(line[:LONGEST] for line in lines[:LINES]), *cut]


def _totals(one: RunRecord, other: RunRecord) -> list[str]:
    rows: list[tuple[str, str, str]] = [("", "A", "B")]
    rows += [(name, *values) for name, values in _compared_fields(one, other)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _compared_fields(one: RunRecord, other: RunRecord) -> Sequence[tuple[str, tuple[str, str]]]:
    def both(make: object) -> tuple[str, str]:
        return make(one), make(other)  # type: ignore[operator]  # each below is a function of a record

    return [
        ("status", both(lambda run: run.status + (f" ({run.limit})" if run.limit else ""))),
        ("nodes", both(lambda run: count(run.nodes))),
        ("calls", both(lambda run: count(run.usage.calls))),
        ("tokens", both(lambda run: count(run.usage.tokens))),
        ("cost", both(lambda run: money(run.usage.nanos))),
        ("paid", both(lambda run: money(paid(run).nanos))),
        ("took", both(lambda run: "" if run.seconds is None else duration(run.seconds))),
        ("answer", both(lambda run: one_line(run.text or run.error, 40))),
    ]


def _fields(one: RunRecord, other: RunRecord, found: Parting | None) -> dict[str, Data]:
    parted: dict[str, Data] | None = None
    if found is not None:
        fact = found.fact
        parted = {"place": list(fact.place), "turn": fact.turn, "kind": fact.kind}
        for letter, side in (("a", found.one), ("b", found.other)):
            parted[letter] = None if side is None else {"node": side.node, "kind": side.kind, "text": side.text}
    return {"same": found is None, "parted": parted, "a": fields(one), "b": fields(other)}
