"""Labelled records with dates and users, and how they are written down. Labels are never written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from rlm_async.bench.corpora import Labelled

FIRST = date(2022, 5, 1)
DAYS = 395
TOKENS_A_LINE = 39
FILLED = 0.95
"""OOLONG fills this part of a window with lines."""
BUSY_USERS, BUSY_LINES = 0.2, 0.8
LINES_A_USER = 10


@dataclass(frozen=True, slots=True)
class Line:
    """One record. The label is gold, and stays outside of every context."""

    day: date
    user: str
    text: str
    label: str


def count_for(tokens: int) -> int:
    """How many lines a window of so many tokens holds (OOLONG's own figure)."""
    return max(6, round(FILLED * tokens / TOKENS_A_LINE))


def drawn(source: Labelled, count: int, chance: Random) -> list[Line]:
    """Lines with sampled label shares; most are written by few users."""
    shares = [chance.gammavariate(1.5, 1.0) + 0.05 for _ in source.labels]
    texts = source.by_label
    users = [str(number) for number in chance.sample(range(10_000, 99_999), max(4, count // LINES_A_USER))]
    busy = users[: max(1, round(len(users) * BUSY_USERS))]
    lines = []
    for label in chance.choices(source.labels, shares, k=count):
        user = chance.choice(busy if chance.random() < BUSY_LINES else users[len(busy) :])
        day = FIRST + timedelta(days=chance.randrange(DAYS))
        lines.append(Line(day, user, chance.choice(texts[label]), label))
    return lines


def written(line: Line, form: str = "line") -> str:
    """A record in one of four formats."""
    if form == "jsonl":
        return json.dumps({"when": line.day.isoformat(), "from": line.user, "text": line.text}, ensure_ascii=False)
    if form == "csv":
        quoted = line.text.replace('"', '""')
        return f'{line.day.isoformat()};{line.user};"{quoted}"'
    if form == "log":
        return f"[{line.day.isoformat()}] <{line.user}> {line.text}"
    return f"Date: {line.day:%b} {line.day.day}, {line.day.year} || User: {line.user} || Instance: {line.text}"


def units(lines: Sequence[Line]) -> dict[str, int]:
    """What there is to read, for coverage."""
    found: dict[str, int] = {}
    for line in lines:
        found[line.text] = found.get(line.text, 0) + 1
    return found


def preamble(labels: Sequence[str]) -> str:
    """How every question about lines begins."""
    return (
        "Each line of the text holds a date, a user and an instance. Every instance has one of these labels, which is "
        f"not written down: {', '.join(labels)}. "
    )
