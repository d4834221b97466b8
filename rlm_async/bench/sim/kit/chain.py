"""Following a story from its beginning to its end: who is where, who holds what, where what was left."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

STEP = 60
"""Facts that one completion follows."""

State = dict[str, dict[str, str]]

MOVED = r"(\w+) (?:moved|went back|went|journeyed|travelled|walked) to the (\w+)\."
TOOK = r"(\w+) (?:picked up|got|took|grabbed) the (\w+)"
LEFT = r"(\w+) (?:put down|dropped|left|discarded) the (\w+)"


def blank() -> State:
    """A state in which nothing is known yet."""
    return {"people": {}, "held": {}, "lying": {}}


def follow(state: State, fact: str) -> None:
    """Bring a state up to date with one fact; a line that is none changes nothing."""
    moved = re.match(MOVED, fact)
    if moved:
        state["people"][moved[1]] = moved[2]
        return
    took = re.match(TOOK, fact)
    if took:
        state["held"][took[2]] = took[1]
        state["lying"].pop(took[2], None)
        return
    left = re.match(LEFT, fact)
    if left:
        state["held"].pop(left[2], None)
        state["lying"][left[2]] = state["people"].get(left[1], "unknown")


def where(state: State, thing: str) -> str:
    """The place of a person or of an object."""
    if thing in state["people"]:
        return state["people"][thing]
    if thing in state["held"]:
        return state["people"].get(state["held"][thing], "unknown")
    return state["lying"].get(thing, "unknown")


def step_prompt(state: State, facts: Sequence[str]) -> str:
    """What one completion is asked: the state after some more facts."""
    lines = "\n".join(facts)
    return (
        f"State so far: {json.dumps(state, sort_keys=True)}\nFacts, in order:\n{lines}\n\n"
        "Reply with the state after these facts, as JSON of the same form: people (who is where), held (what is held "
        "by whom), lying (what was left where)."
    )


def read_state(reply: object, before: State) -> State:
    """The state in a reply; the one before where it holds none."""
    try:
        made = json.loads(reply) if isinstance(reply, str) else reply
    except ValueError:
        return before
    return made if isinstance(made, dict) and {"people", "held", "lying"} <= set(made) else before
