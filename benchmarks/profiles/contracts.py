"""Contracts: 50 of CUAD in each window, drawn from the half that the profile's patterns were not made on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

from benchmarks.profiles.trial import Case
from rlm_async.bench.corpora import Contracts, cuad
from rlm_async.bench.sim.kit import contracts as kit
from rlm_async.bench.sim.plan import Plan, plan_of
from rlm_async.bench.sim.programs import DOCS, Policy, program
from rlm_async.bench.sim.source import source_of
from rlm_async.bench.tasks.contracts import knowledge, made, questions
from rlm_async.core.context import Context, Document

SIZE = 50

PASSAGES = """
def near(name, text):
    spans = []
    for topic in PLAN.get("clauses") or ["governing law"]:
        spans += [(p["start"], p["end"]) for p in passages(topic, name)]
    parts, reached = [text[:600]], 600
    for start, end in sorted(spans):
        if end > reached:
            parts.append(text[max(start, reached) if start < reached else start : end])
            reached = end
    return pieces("\\n".join(parts))


def asked(jobs, plan):
    replies = llm_query_batched([piece_prompt(name, piece, plan) for name, piece, plan in jobs])
    said = {}
    for (name, piece, plan), reply in zip(jobs, replies):
        said.setdefault(name, []).append(reply)
    return said


said = asked([(name, piece, PLAN) for name, text in DOCS.items() for piece in near(name, text)], PLAN)
"""
REST = """
def open_(name):
    held = merged(said[name], PLAN)
    if PLAN.get("law"):
        return dict(PLAN) if held["law"] is None else None
    missing = [clause for clause in PLAN["clauses"] if not held[clause]]
    return {**PLAN, "clauses": missing} if missing else None


jobs = [(name, piece, open_(name)) for name, text in DOCS.items() if open_(name) for piece in pieces(text)]
for name, replies in asked(jobs, PLAN).items():
    said[name] += replies
"""
ENDS = """
found = {name: merged(said[name], PLAN) for name in DOCS}
FINAL(reduce_contracts(PLAN, found))
"""


def held_out(name: str) -> bool:
    """Whether a contract is of the half that was not looked at when the patterns were made."""
    return hashlib.blake2b(name.encode()).digest()[0] % 2 == 0


def source(data: Path | None) -> Contracts:
    if data is None:
        return made(Random("contracts"))
    return cuad(data)


def cases(data: Path | None, windows: int) -> Iterator[Case]:
    """Four questions a window: two sets, two counts."""
    read = source(data)
    pool = sorted(name for name in read.texts if data is None or held_out(name))
    known = knowledge(read)
    for seed in range(windows):
        chance = Random(f"profiles/contracts/{seed}")
        names = sorted(chance.sample(pool, min(SIZE, len(pool))))
        context = Context(tuple(Document(name, read.texts[name]) for name in names), "corpus")
        for question in questions(read, names, chance):
            plan = plan_of(question.text)
            assert plan is not None
            yield Case(
                window=seed,
                family=question.family,
                context=context,
                question=question.text,
                gold=question.gold,
                kind=question.kind,
                knowledge=known,
                programs={
                    "without": program(plan, 1, Policy()),
                    "with": written(plan, PASSAGES + ENDS),
                    "with, rest read": written(plan, PASSAGES + REST + ENDS),
                },
            )


def written(plan: Plan, code: str) -> str:
    """A program that asks about passages, made of the same parts as the one that asks about pieces."""
    needed = {name: value for name, value in plan.items() if name != "question"}
    parts = source_of(kit, "pieces", "piece_prompt", "merged", "reduce_contracts")
    return f"PLAN = {needed!r}\n{DOCS}\n{parts}\n{code.strip()}"
