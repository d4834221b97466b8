"""OOLONG-Pairs: the twenty predicates on pairs of users (Zhang, Kraska and Khattab, arXiv 2512.24601, appendix E)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from random import Random

from rlm_async.bench.corpora import COARSE, Corpora, trec
from rlm_async.bench.tasks.lines import Line, count_for, drawn, preamble, units, written
from rlm_async.bench.windows import Built, Question, Task
from rlm_async.core.context import Context

QUESTIONS = 4
LETTERS = {
    "A": COARSE["ABBR"],
    "D": COARSE["DESC"],
    "E": COARSE["ENTY"],
    "H": COARSE["HUM"],
    "L": COARSE["LOC"],
    "N": COARSE["NUM"],
}


@dataclass(frozen=True, slots=True)
class Both:
    """Both users have a line of one of two labels; all lines of the first bounded in time, where a day is given."""

    letters: str
    side: str = ""
    day: str = ""


@dataclass(frozen=True, slots=True)
class Each:
    """What one user has, and what the other: letter, number, and whether exactly so many."""

    one: tuple[tuple[str, int, bool], ...]
    other: tuple[tuple[str, int, bool], ...]


def _has(text: str) -> tuple[tuple[str, int, bool], ...]:
    """`E>=1 A=1`, read."""
    found = []
    for part in text.split():
        letter, exact = part[0], part[1] == "="
        found.append((letter, int(part.rpartition("=")[2]), exact))
    return tuple(found)


PREDICATES: tuple[Both | Each, ...] = (
    Both("NL"),
    Both("EH"),
    Both("DA"),
    Both("HL", "after", "2023-01-06"),
    Both("EN", "before", "2023-03-15"),
    Both("LA"),
    Both("ND", "after", "2023-02-01"),
    Both("HD"),
    Both("LE", "after", "2023-04-10"),
    Both("AN", "before", "2023-05-20"),
    Each(_has("E>=1 A>=1"), _has("E=1")),
    Each(_has("N>=2"), _has("L>=1 H>=1")),
    Each(_has("D=1"), _has("A>=1 E>=1")),
    Each(_has("H>=1 N>=1"), _has("L=2")),
    Each(_has("E>=1 L>=1 A>=1"), _has("N=1")),
    Each(_has("D>=1 H>=1"), _has("E>=2 A=1")),
    Each(_has("N=1"), _has("L>=1 D>=1")),
    Each(_has("A>=1 H=1"), _has("E>=1 N>=1")),
    Each(_has("L>=2 E>=1"), _has("D=1 A=1")),
    Each(_has("N>=1 H>=1"), _has("L>=1 E>=1 A=1")),
)
"""In the order of the appendix; where a day is given, it is the first letter's lines that it bounds."""


def pairs(corpora: Corpora) -> Task:
    """The task `oolong_pairs`."""
    source = corpora.labelled(trec)

    def build(size: int, chance: Random) -> Built:
        lines = drawn(source, count_for(size), chance)
        context = Context.of("\n".join(written(line) for line in lines))
        drawn_ = [
            question(number, lines, source.labels) for number in chance.sample(range(len(PREDICATES)), len(PREDICATES))
        ]
        asked = sorted(drawn_, key=lambda made: not made.gold)[:QUESTIONS]  # those with pairs first
        return Built(context, tuple(asked), units(lines))

    return Task(
        name="oolong_pairs", shape="map, then all pairs", sizes=(8_192, 32_768), build=build, data=source.source
    )


def question(number: int, lines: Sequence[Line], labels: Sequence[str]) -> Question:
    """The question of a predicate (0 to 19), with its gold pairs."""
    predicate = PREDICATES[number]
    words = _both(predicate) if isinstance(predicate, Both) else _each(predicate)
    text = (
        f"{preamble(labels)}List all pairs of users such that {words}. "
        "Reply with 'Answer:' and then one pair a line, as (SMALLER ID, LARGER ID)."
    )
    gold = "\n".join(f"({one}, {other})" for one, other in gold_pairs(predicate, lines))
    return Question(text=text, gold=gold, kind="pairs", family=f"predicate {number + 1}")


def gold_pairs(predicate: Both | Each, lines: Sequence[Line]) -> list[tuple[str, str]]:
    """The pairs that meet a predicate."""
    own: dict[str, list[Line]] = {}
    for line in lines:
        own.setdefault(line.user, []).append(line)
    holds = _holds_both(predicate) if isinstance(predicate, Both) else _holds_each(predicate)
    users = sorted(own, key=int)
    return [(one, other) for one, other in combinations(users, 2) if holds(own[one], own[other])]


Holds = Callable[[Sequence[Line], Sequence[Line]], bool]


def _holds_both(predicate: Both) -> Holds:
    wanted = {LETTERS[letter] for letter in predicate.letters}
    bounded = LETTERS[predicate.letters[0]]

    def good(lines: Sequence[Line]) -> bool:
        if not any(line.label in wanted for line in lines):
            return False
        if not predicate.day:
            return True
        day = date.fromisoformat(predicate.day)
        days = [line.day for line in lines if line.label == bounded]
        return all(found > day if predicate.side == "after" else found < day for found in days)

    return lambda one, other: good(one) and good(other)


def _holds_each(predicate: Each) -> Holds:
    def meets(lines: Sequence[Line], wanted: Sequence[tuple[str, int, bool]]) -> bool:
        counts = Counter(line.label for line in lines)
        return all(
            counts[LETTERS[letter]] == number if exact else counts[LETTERS[letter]] >= number
            for letter, number, exact in wanted
        )

    return lambda one, other: (
        (meets(one, predicate.one) and meets(other, predicate.other))
        or (meets(other, predicate.one) and meets(one, predicate.other))
    )


def _both(predicate: Both) -> str:
    first, second = (LETTERS[letter] for letter in predicate.letters)
    words = f"both users have at least one line labelled '{first}' or '{second}'"
    if predicate.day:
        words += f", and all lines labelled '{first}' of both are dated {predicate.side} {predicate.day}"
    return words


def _each(predicate: Each) -> str:
    return f"one user has {_listed(predicate.one)}, and the other user has {_listed(predicate.other)}"


def _listed(wanted: Sequence[tuple[str, int, bool]]) -> str:
    return " and ".join(
        f"{'exactly' if exact else 'at least'} {number} line{'s' * (number > 1)} labelled '{LETTERS[letter]}'"
        for letter, number, exact in wanted
    )
