"""Root programs: what a model that knows its trade writes for each kind of task, at each depth.

They are also the fixed map-reduce arm, which needs no model to write them. What a program asks of a model
is plain English, so any model can answer it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from rlm_async.bench.sim.kit import chain, contracts, needles, records
from rlm_async.bench.sim.plan import Plan
from rlm_async.bench.sim.rules import CLAUSES, LAW, RULES
from rlm_async.bench.sim.source import source_of

PolicyName = Literal["map-reduce", "one-a-line", "loop", "bad-first", "hasty"]
POLICIES: tuple[PolicyName, ...] = ("map-reduce", "one-a-line", "loop", "bad-first", "hasty")

DOCS = 'DOCS = {"": context} if isinstance(context, str) else dict(context)'


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a planner goes about its work."""

    name: PolicyName = "map-reduce"
    chunk: int = 40
    """Records that one completion labels."""
    syntax_errors: float = 0.0
    """The chance that a turn's code does not compile."""
    shared: bool = True
    """False: equal sub-queries are asked again, each for itself."""

    @property
    def group(self) -> int:
        """Records in one prompt."""
        return 1 if self.name == "one-a-line" else self.chunk


def program(plan: Plan, levels: int, policy: Policy, formats: tuple[str, ...] = records.FORMATS) -> str:
    """The program for a plan with so many levels of sub-queries below; its last line gives the answer."""
    writers: Mapping[str, Callable[[], str]] = {
        "records": lambda: _records(plan, levels, policy, formats),
        "contracts": lambda: _contracts(plan, levels, policy),
        "chain": lambda: _chain(plan, levels),
        "needles": lambda: _needles(levels),
    }
    return f"PLAN = {_literal(plan)}\n{DOCS}\n{writers[plan['kind']]()}"


def _records(plan: Plan, levels: int, policy: Policy, formats: tuple[str, ...]) -> str:
    kit = source_of(records, "read_records", "reduce_records", *_asking(levels))
    ends = "FINAL(reduce_records(PLAN, [(r[0], r[1], r[2], label) for r, label in zip(rows, labels)]))"
    begins = f"{kit}\nFORMATS = {json.dumps(list(formats))}\nLABELS = PLAN['labels']"
    if levels == 0:
        return f"{begins}\nrows = read_records(DOCS, FORMATS)\n{_by_rules(plan)}\n{ends}"
    if levels == 1:
        return f"{begins}\nrows = read_records(DOCS, FORMATS)\n{_by_queries(policy)}\n{ends}"
    return f"{begins}\n{_by_children(policy)}\n{ends}"


def _asking(levels: int) -> tuple[str, ...]:
    return (("label_prompt", "read_labels"), ("read_list",))[min(levels, 2) - 1] if levels else ()


def _by_rules(plan: Plan) -> str:
    rules = {label: rule for label, rule in RULES.items() if label in plan["labels"]}
    return (
        f"RULES = {json.dumps(rules)}\n"
        "labels = [next((l for l, rule in RULES.items() if re.search(rule, row[3])), LABELS[0]) for row in rows]"
    )


def _by_queries(policy: Policy) -> str:
    cached = "" if policy.shared else ", cache=False"
    begins = f"SIZE = {policy.group}\ngroups = [[r[3] for r in rows[i : i + SIZE]] for i in range(0, len(rows), SIZE)]"
    if policy.name == "loop":
        return f"""{begins}
labels = []
for group in groups:
    reply = llm_query(label_prompt(group, LABELS){cached})
    labels.extend(read_labels(reply, len(group), LABELS))"""
    return f"""{begins}
replies = llm_query_batched([label_prompt(group, LABELS) for group in groups]{cached})
labels = []
for group, reply in zip(groups, replies):
    labels.extend(read_labels(reply, len(group), LABELS))"""


def _by_children(policy: Policy) -> str:
    return f"""parts = []
for name, text in DOCS.items():
    lines = [line for line in text.splitlines() if record_in(line, FORMATS)]
    part = max({policy.group}, int((len(lines) * {policy.group}) ** 0.5) + 1)
    part = len(lines) if len(DOCS) > 1 else min(part, (len(lines) + 1) // 2)
    parts += [(name, "\\n".join(lines[i : i + part])) for i in range(0, len(lines), max(part, 1))]
task = "Label every record with one of: " + ", ".join(LABELS) + ". "
task += "Reply with a JSON list of the labels of all records of the context, in order."
replies = rlm_query_batched([task] * len(parts), contexts=[text for _, text in parts])
rows, labels = [], []
for (name, text), reply in zip(parts, replies):
    own = read_records({{name: text}}, FORMATS)
    said = read_list(reply, LABELS)
    rows += own
    labels += (said + [None] * len(own))[: len(own)]"""


def _contracts(plan: Plan, levels: int, policy: Policy) -> str:
    own = 'DOCS = {PLAN["contract"]: context}\n' if plan["family"] == "contract" else ""
    ends = "FINAL(reduce_contracts(PLAN, found))"
    if levels == 0:
        rules = {clause: CLAUSES.get(clause, clause) for clause in plan.get("clauses", [])}
        kit = source_of(contracts, "reduce_contracts")
        return f"""{own}import re
{kit}
RULES = {json.dumps(rules)}
found = {{}}
for name, text in DOCS.items():
    law = re.search({LAW!r}, text)
    found[name] = {{clause: bool(re.search(rule, text, re.I)) for clause, rule in RULES.items()}}
    found[name]["law"] = " ".join(law[1].split()).title() if law else None
{ends}"""
    if levels == 1 or plan["family"] == "contract":
        cached = "" if policy.shared else ", cache=False"
        kit = source_of(contracts, "pieces", "piece_prompt", "merged", "reduce_contracts")
        return f"""{own}{kit}
jobs = [(name, piece) for name, text in DOCS.items() for piece in pieces(text)]
replies = llm_query_batched([piece_prompt(name, piece, PLAN) for name, piece in jobs]{cached})
said = {{name: [] for name in DOCS}}
for (name, _), reply in zip(jobs, replies):
    said[name].append(reply)
found = {{name: merged(said[name], PLAN) for name in DOCS}}
{ends}"""
    kit = source_of(contracts, "child_prompt", "read_child", "reduce_contracts")
    return f"""{kit}
replies = rlm_query_batched([child_prompt(name, PLAN) for name in DOCS], contexts=list(DOCS.values()))
found = {{name: read_child(reply) for name, reply in zip(DOCS, replies)}}
{ends}"""


def _chain(plan: Plan, levels: int) -> str:
    facts = "facts = [line for text in DOCS.values() for line in text.splitlines() if line]"
    ends = f'FINAL("Answer: " + where(state, {plan["thing"]!r}))'
    if levels == 0:
        kit = source_of(chain, "blank", "follow", "where")
        return f"{kit}\n{facts}\nstate = blank()\nfor fact in facts:\n    follow(state, fact)\n{ends}"
    kit = source_of(chain, "blank", "where", "step_prompt", "read_state", "STEP")
    return f"""{kit}
{facts}
state = blank()
for i in range(0, len(facts), STEP):
    state = read_state(llm_query(step_prompt(state, facts[i : i + STEP])), state)
{ends}"""


def _needles(levels: int) -> str:
    if levels == 0:
        kit = source_of(needles, "needle_lines", "needle_numbers")
        ends = 'FINAL("Answer: " + ", ".join(needle_numbers(lines, PLAN["key"])))'
        return f'{kit}\nlines = needle_lines(DOCS, PLAN["key"])\n{ends}'
    kit = source_of(needles, "needle_lines", "needle_prompt")
    return f'{kit}\nlines = needle_lines(DOCS, PLAN["key"])\nFINAL(llm_query(needle_prompt(lines[:50], PLAN)))'


def _literal(plan: Plan) -> str:
    """The plan as a Python literal, without what the program does not need."""
    needed = "needles" in plan["kind"]
    return repr({name: value for name, value in plan.items() if name != "question" or needed})
