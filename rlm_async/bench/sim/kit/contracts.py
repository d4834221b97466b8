"""Asking about the clauses of contracts, piece by piece, and working an answer out of what was found."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from rlm_async.bench.sim.plan import Plan

Held = Mapping[str, str | bool | None]
"""Of one contract: for each clause whether it is there, or its law."""

PIECE = 24_000
"""Characters of a contract that one completion reads."""
OVERLAP = 12
"""Lines that two neighbouring pieces share, so that no clause is cut in two."""


def pieces(text: str, size: int = PIECE) -> list[str]:
    """A text in pieces of whole lines."""
    made: list[str] = []
    lines: list[str] = []
    length = 0
    for line in text.splitlines():
        lines.append(line)
        length += len(line) + 1
        if length >= size:
            made.append("\n".join(lines))
            lines = lines[-OVERLAP:] if len(line) < size else []
            length = sum(len(kept) + 1 for kept in lines)
    if not made or length > sum(len(kept) + 1 for kept in lines[:OVERLAP]):
        made.append("\n".join(lines))
    return made


def piece_prompt(name: str, piece: str, plan: Plan) -> str:
    """What one completion is asked about a piece of a contract."""
    head = f"Contract: {name}\n{piece}\n\n"
    if plan.get("law"):
        return (
            f"{head}Which state's or country's law governs this contract? Reply with one line 'law: NAME', "
            "or 'law: none' if the text above does not say."
        )
    clauses = "; ".join(plan["clauses"])
    return (
        f"{head}Which of these clauses does the text above contain: {clauses}? "
        "Reply with one line 'clause: yes' or 'clause: no' for each."
    )


def child_prompt(name: str, plan: Plan) -> str:
    """What a child with the contract as its context is asked."""
    if plan.get("law"):
        return (
            f"The context is the contract: {name}\nWhich law governs the contract? "
            'Reply as JSON: {"law": NAME or null}.'
        )
    clauses = "; ".join(plan["clauses"])
    return (
        f"The context is the contract: {name}\nWhich clauses does the contract contain: {clauses}? "
        "Reply as JSON: {clause: true or false}."
    )


def merged(replies: Sequence[object], plan: Plan) -> Held:
    """What the replies about all pieces of one contract say together."""
    text = "\n".join(str(reply) for reply in replies)
    if plan.get("law"):
        named = [law.strip(" .'\"*") for law in re.findall(r"(?im)^\W*law:\s*(.+)$", text)]
        return {"law": next((law for law in named if law.lower() != "none"), None)}
    found: dict[str, str | bool | None] = {}
    for clause in plan["clauses"]:
        found[clause] = bool(re.search(rf"(?im)^\W*{re.escape(clause)}\W*:\W*yes", text))
    return found


def read_child(reply: object) -> Held:
    """The JSON object of a child, or nothing."""
    try:
        made = json.loads(reply) if isinstance(reply, str) else reply
    except ValueError:
        return {}
    return made if isinstance(made, dict) else {}


def reduce_contracts(plan: Plan, found: Mapping[str, Held]) -> str:
    """The answer out of a dict of contract names to what they hold."""
    family = plan["family"]
    if family == "contract":
        return json.dumps(next(iter(found.values()), {}))
    if family == "law":
        names = [name for name, held in found.items() if held.get("law") == plan["law"]]
    else:
        first, second = plan["clauses"]
        wanted = family == "both"
        names = [name for name, held in found.items() if held.get(first) and bool(held.get(second)) == wanted]
    return "Answer:\n" + "\n".join(names) if family == "both" else "Answer: " + str(len(names))
