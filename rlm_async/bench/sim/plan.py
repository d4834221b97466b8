"""What a question of the benchmarks asks to be done, as it can be read off its words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, TypedDict

Condition = tuple[str, int, str]
"""`at least` or `exactly`, a number, a label."""


class Plan(TypedDict, total=False):
    """What is asked for. Only `kind` and `family` are always there."""

    kind: Literal["records", "contracts", "chain", "needles"]
    family: str
    question: str
    labels: list[str]
    label: str
    other: str
    users: list[str]
    before: str
    since: str
    day: str
    """Parts the records in two; of pairs, bounds the dates of the lines labelled `dated`."""
    any: list[str]
    dated: str
    side: str
    one: list[Condition]
    others: list[Condition]
    clauses: list[str]
    law: str
    contract: str
    thing: str
    key: str


_LABELS = re.compile(
    r"(?:has one of these labels, which is not written down|Label every record with one of): (.+?)\.\s"
)
_COUNTED = re.compile(r"(at least|exactly) (\d+) lines? labelled '([^']+)'")
_DATED = re.compile(r"all lines labelled '([^']+)' of both are dated (after|before) (\d{4}-\d\d-\d\d)")
_DAY = r"(\d{4}-\d\d-\d\d)"


def plan_of(question: str) -> Plan | None:
    """The plan for a question; None where it is none of ours."""
    for read in (_records, _contracts, _chain, _needles):
        plan = read(question)
        if plan is not None:
            plan["question"] = question
            return plan
    return None


def _records(text: str) -> Plan | None:
    listed = _LABELS.search(text)
    if listed is None:
        return None
    plan = Plan(kind="records", labels=listed[1].split(", "))
    asked = text[listed.end() :]
    if "Reply with a JSON list" in asked:
        plan["family"] = "labels"
        return plan
    if "pairs of users" in asked:
        return _pairs(plan, asked)
    if users := re.search(r"of (?:the )?users? ([\d, ]+\d)", asked):
        plan["users"] = users[1].split(", ")
    if before := re.search(f"dated before {_DAY}", asked):
        plan["before"] = before[1]
    if since := re.search(f"dated from {_DAY} on", asked):
        plan["since"] = since[1]
    return _counting(plan, asked)


FAMILIES: tuple[tuple[str, str], ...] = (
    ("Which label do most ", "most"),
    ("Which label do fewest ", "least"),
    ("in the lines before", "sides"),
    ("Is the label ", "compare"),
    ("has the most lines", "who"),
    ("Which folder ", "folder"),
    ("In how many folders ", "folders"),
    ("How many ", "count"),
)


def _counting(plan: Plan, asked: str) -> Plan | None:
    family = next((family for mark, family in FAMILIES if mark in asked), None)
    if family is None:
        return None
    plan["family"] = family
    named = re.findall(r"'([^']+)'", asked.partition("Reply")[0])
    if named:
        plan["label"] = named[0]
    if len(named) > 1:
        plan["other"] = named[1]
    if day := re.search(f"in the lines before {_DAY}", asked):
        plan["day"] = day[1]
    return plan


def _pairs(plan: Plan, asked: str) -> Plan:
    plan["family"] = "pairs"
    if dated := _DATED.search(asked):
        plan["dated"], plan["side"], plan["day"] = dated[1], dated[2], dated[3]
    if either := re.search(r"both users have at least one line labelled '([^']+)' or '([^']+)'", asked):
        plan["any"] = [either[1], either[2]]
        return plan
    one, _, others = asked.partition(", and the other user has ")
    plan["one"] = [(how, int(number), label) for how, number, label in _COUNTED.findall(one)]
    plan["others"] = [(how, int(number), label) for how, number, label in _COUNTED.findall(others)]
    return plan


def _contracts(text: str) -> Plan | None:
    readers: tuple[tuple[str, Callable[[re.Match[str]], Plan]], ...] = (
        (
            r"Which contracts have both the clause '([^']+)' and the clause '([^']+)'",
            lambda m: Plan(kind="contracts", family="both", clauses=[m[1], m[2]]),
        ),
        (
            r"How many contracts have the clause '([^']+)' and not the clause '([^']+)'",
            lambda m: Plan(kind="contracts", family="without", clauses=[m[1], m[2]]),
        ),
        (
            r"How many contracts are governed by the law of '([^']+)'",
            lambda m: Plan(kind="contracts", family="law", law=m[1]),
        ),
        (
            r"The context is the contract: (.+)\nWhich law",
            lambda m: Plan(kind="contracts", family="contract", contract=m[1], law="any"),
        ),
        (
            r"The context is the contract: (.+)\nWhich clauses does the contract contain: (.+?)\? Reply",
            lambda m: Plan(kind="contracts", family="contract", contract=m[1], clauses=m[2].split("; ")),
        ),
    )
    for pattern, made in readers:
        if found := re.search(pattern, text):
            return made(found)
    return None


def _chain(text: str) -> Plan | None:
    found = re.search(r"[Ww]here is (?:the )?(\w+) at the end of the story\?", text)
    return None if found is None else Plan(kind="chain", family="chain", thing=found[1])


def _needles(text: str) -> Plan | None:
    found = re.search(r"special magic numbers? for ([\w-]+)( in the text)?\?", text)
    if found is None:
        return None
    several = "magic numbers for" in found[0]
    return Plan(kind="needles", family="several" if several else "one", key=found[1])
