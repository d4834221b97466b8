"""What a simulated root does by habit, and what it heeds instead where its prompt says so.

Only the policy `hasty` has habits: too many records in one prompt, and a turn begun with what works elsewhere.
Of the sections that a profile writes (advice and rules, examples) it understands three things and no more: a
sentence that says how many records, or characters, a prompt may hold; a line that forbids what it has between
backticks; and `SIZE = n` in an example's code, which it copies. It does so with the chance `Profile.heeds`, and
whether that helps or hurts: a rule that is wrong is followed like one that is right. What is drawn depends on the
question and not on the rules, so that it has the same luck with advice and without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from rlm_async.bench.sim.programs import Policy

HASTE = 0.6
"""The chance that it puts everything into one prompt, left to itself."""
ALL = 1_000
"""Records in such a prompt."""
CLUMSY = 0.3
"""The chance that one of its turns begins with its favourite blunder."""
RECORD = 70
"""Characters of one record in a prompt, as it reckons."""

BLUNDERS = (
    "import pandas as pd\nrows = pd.DataFrame(context.splitlines())",
    'text = open("context.txt").read()\nlines = text.splitlines()',
    "lines = context.read().splitlines()",
    "import requests\nprint(len(context))",
)
"""Each fails wherever code runs as it does here."""

_SECTION = re.compile(r"(?ms)^## (This input|Examples)\b(.*?)(?=^## |\Z)")
_CODE = re.compile(r"(?ms)^```repl\n(.*?)^```")
_COPIED = re.compile(r"(?m)^SIZE = (\d+)$")
_AMOUNT = re.compile(r"(\d[\d,]*) (records|lines|items|texts|characters)\b")
_SENTENCE = re.compile(r"[^.\n]+(?:\.(?!\s)[^.\n]+)*")
_QUOTED = re.compile(r"`([^`\n]+)`")
_FORBIDS = re.compile(r"(?i)\b(not|never|no)\b")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a system prompt says that this model understands."""

    told: int | None = None
    """Records in one prompt, by the last sentence that says so."""
    shown: int | None = None
    """The same, by the code of the last example that says so."""
    barred: tuple[str, ...] = ()
    """Pieces of code that some sentence forbids."""


@dataclass(frozen=True, slots=True)
class Habits:
    """One root's. `luck` is the same in all its turns; `heeds` is the chance that it does as it is told."""

    heard: Heard
    heeds: float
    luck: str

    def settled(self, policy: Policy) -> Policy:
        """How many records it puts into a prompt."""
        size = ALL if self._drawn("haste") < HASTE else policy.chunk
        for name, said in (("example", self.heard.shown), ("rule", self.heard.told)):
            if said is not None and self._drawn(name) < self.heeds:
                size = said
        return replace(policy, chunk=max(1, size))

    def blunder(self, turn: int) -> str | None:
        """The code with which a turn is lost; None where it is not."""
        favourite = Random(f"{self.luck}/blunder").choice(BLUNDERS)
        warned = any(piece in favourite for piece in self.heard.barred)
        if warned and self._drawn("warning") < self.heeds:
            return None
        return favourite if self._drawn(f"turn {turn}") < CLUMSY else None

    def _drawn(self, name: str) -> float:
        return Random(f"{self.luck}/{name}").random()


def heard(system: str) -> Heard:
    """What a system prompt's advice, rules and examples say."""
    sections = {found[1]: found[2] for found in _SECTION.finditer(system)}
    told = list(_amounts(sections.get("This input", "")))
    shown = [int(size) for code in _CODE.findall(sections.get("Examples", "")) for size in _COPIED.findall(code)]
    return Heard(
        told=told[-1] if told else None,
        shown=shown[-1] if shown else None,
        barred=tuple(_barred(sections.get("This input", ""))),
    )


def _amounts(text: str) -> Iterator[int]:
    for sentence in _SENTENCE.findall(text):
        found = _AMOUNT.search(sentence)
        if found is not None and "prompt" in sentence:
            amount = int(found[1].replace(",", ""))
            yield amount // RECORD if found[2] == "characters" else amount


def _barred(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if _FORBIDS.search(_QUOTED.sub("", line)):
            yield from _QUOTED.findall(line)
