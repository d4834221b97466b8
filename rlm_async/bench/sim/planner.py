"""What the simulated model says as a root: a look, then a program, as its policy and its luck with syntax have it."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from rlm_async.bench.sim.habits import BLUNDERS, Habits
from rlm_async.bench.sim.kit.records import FORMATS
from rlm_async.bench.sim.plan import Plan, plan_of
from rlm_async.bench.sim.profile import Profile
from rlm_async.bench.sim.programs import Policy, program
from rlm_async.core.messages import Message

LOOK = "print(len(context))\nprint(peek(400))"
GIVE_UP = 'FINAL("Answer: unknown")'
FIRST_TRY = 'print(llm_query(str(context) + "\\n\\n" + QUESTION))'
"""The bad first plan: everything in one prompt."""

_FENCE = re.compile(r"```(?:repl|python)\n(.*?)```", re.DOTALL)
_LEVELS = re.compile(r"(\d+) levels of sub-queries are left")
_QUESTION = re.compile(r"(?m)^Question: (.*?)\n\nLeft: ", re.DOTALL)
_ENDED = "No more code can run"
_DRAFT = re.compile(r"Your draft: (.+)")


def plans(messages: Sequence[Message]) -> bool:
    """Whether a conversation is one in which code is wanted: it begins by naming the query function."""
    return bool(messages) and ("llm_query" in messages[0].text or _ENDED in messages[0].text)


@dataclass(frozen=True, slots=True)
class Planner:
    """One turn of a root. `chance` decides about syntax errors and slips."""

    profile: Profile
    policy: Policy
    chance: Random
    habits: Habits | None = None

    def reply(self, messages: Sequence[Message]) -> str:
        """The next reply in a conversation."""
        if _ENDED in messages[0].text:
            draft = _DRAFT.search(_asked(messages))
            return f"Answer: {draft[1] if draft else 'unknown'}"
        turn = sum(message.role == "assistant" for message in messages)
        if self.habits is not None and (blunder := self.habits.blunder(turn)):
            return f"```repl\n{blunder}\n```"
        steps = self.steps(messages)
        done = sum(_compiles(message.text) for message in messages if message.role == "assistant")
        code = steps[done] if done < len(steps) else GIVE_UP
        if self.chance.random() < self.policy.syntax_errors:
            code += "\nanswer = = None"
        return f"```repl\n{code}\n```"

    def steps(self, messages: Sequence[Message]) -> list[str]:
        """The pieces of code that a conversation takes, if none of them fails."""
        asked = _asked(messages)
        question = _QUESTION.search(asked)
        return self._steps(plan_of(question[1] if question else asked), levels(messages[0].text))

    def _steps(self, plan: Plan | None, below: int) -> list[str]:
        if plan is None:
            return [LOOK]
        policy = self.policy if self.habits is None else self.habits.settled(self.policy)
        steps = [LOOK, program(plan, below, policy, self._formats(plan, below))]
        if self.policy.name == "bad-first" and below:
            steps.insert(1, f"QUESTION = {plan['question'].strip()[-3000:]!r}\n{FIRST_TRY}")
        return steps

    def _formats(self, plan: Plan, below: int) -> tuple[str, ...]:
        """The formats that a program reads as it should. One that hands folders on reads one at a time."""
        if plan["kind"] != "records" or below != 1 or plan["family"] not in {"folder", "folders"}:
            return FORMATS
        kept = [name for name in FORMATS[1:] if self.chance.random() >= self.profile.slip * len(FORMATS)]
        return (FORMATS[0], *kept)


def _asked(messages: Sequence[Message]) -> str:
    return "\n".join(message.text for message in messages[1:] if message.role == "user")


def levels(rules: str) -> int:
    """Levels of sub-queries that a system prompt says are left."""
    if "There are none in this run" in rules:
        return 0
    found = _LEVELS.search(rules)
    return int(found[1]) if found else 1


def _compiles(reply: str) -> bool:
    found = _FENCE.search(reply)
    if found is None or found[1].rstrip("\n") in BLUNDERS:
        return False
    try:
        ast.parse(found[1])
    except SyntaxError:
        return False
    return True
