"""Rules that a model writes when it is shown runs: an ingredient like any other, kept where it proves its worth."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rlm_async.learning.rolling import Rolled
from rlm_async.learning.transcripts import told

SHOWN, RULES = 4, 5
RULE_CHARACTERS = 300

Say = Callable[[str], str]
"""A model's reply to a prompt."""

PROMPT = """A language model answers questions about long inputs by writing Python code in a session and asking \
sub-queries from it. Below are runs of it that went wrong, then one that went right.

{runs}

Write up to {rules} rules that would have helped in the first and would not have hurt in the last. General rules \
about how to go about such questions, no answers to these. One line each, beginning with "- ", and nothing else."""

_RULE = re.compile(r"(?m)^\s*[-*]\s+(\S.*)$")


def reflecting(say: Say) -> Callable[[Sequence[Rolled]], tuple[str, ...]]:
    """What turns runs into rules by asking a model."""

    def reflect(rolled: Sequence[Rolled]) -> tuple[str, ...]:
        ordered = sorted(rolled, key=lambda one: (one.score, one.item.key))
        shown = dict.fromkeys(range(min(SHOWN, len(ordered)))) | {len(ordered) - 1: None}
        runs = "\n\n---\n\n".join(told(ordered[number]) for number in shown)
        return rules_in(say(PROMPT.format(runs=runs, rules=RULES)))

    return reflect


def rules_in(text: str) -> tuple[str, ...]:
    """The lines of a list."""
    found = [line.strip() for line in _RULE.findall(text)]
    return tuple(line for line in dict.fromkeys(found) if len(line) <= RULE_CHARACTERS)
