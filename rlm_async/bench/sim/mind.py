"""What the simulated model says to one prompt: it reads the items as well as the length allows, then works on them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from rlm_async.bench.sim.kit import chain, contracts, needles, records
from rlm_async.bench.sim.knowledge import Knowledge, letters
from rlm_async.bench.sim.plan import Plan, plan_of
from rlm_async.bench.sim.profile import OMITTED, Profile

UNKNOWN = "I cannot tell from this."
TAIL = 12_000
"""Characters at the end of a prompt in which its question stands."""

_DIRECT = "\n\n---\nAnswer from the text above.\n\n"
_LABELLED = re.compile(r"Label each numbered text with one of: (.+?)\. Reply with one line 'number: label'")
_ROW = re.compile(r"(?m)^(\d+)\. (.*)$")
_CLAUSES = re.compile(r"Which of these clauses does the text above contain: (.+?)\? Reply with one line")
_LAW = "Which state's or country's law governs this contract?"
_STATE = re.compile(r"State so far: (\{.*\})\nFacts, in order:\n(.*?)\n\nReply with the state after", re.DOTALL)
_DOCUMENT = re.compile(r"(?m)^(?:=== (.+) ===|Contract: (.+))$")


@dataclass(frozen=True, slots=True)
class Reading:
    """One prompt being read: everything that goes wrong in it is drawn from `chance`."""

    knowledge: Knowledge
    profile: Profile
    tokens: int
    chance: Random

    def reply(self, prompt: str) -> str:
        """What is said to a plain prompt."""
        tail = prompt[-TAIL:]
        if found := _LABELLED.search(tail):
            return self._labels(prompt, found[1].split(", "))
        if found := _CLAUSES.search(tail):
            return self._clauses(prompt, found[1].split("; "))
        if _LAW in tail:
            return self._law(prompt)
        if found := _STATE.search(prompt):
            return self._state(found[1], found[2])
        text, mark, question = prompt.rpartition(_DIRECT)
        plan = plan_of(question if mark else tail)
        return UNKNOWN if plan is None else self.answer(plan, text if mark else prompt)

    def answer(self, plan: Plan, text: str) -> str:
        """The answer to a whole question about a text, from what was read of it."""
        if plan["kind"] == "records":
            return self._records(plan, text)
        if plan["kind"] == "needles":
            return self._needles(plan, text)
        if plan["kind"] == "chain":
            state = chain.blank()
            for fact in text.splitlines():
                if not self._overlooked():
                    chain.follow(state, fact)
            return f"Answer: {chain.where(state, plan['thing'])}"
        return self._contracts(plan, text)

    def _labels(self, prompt: str, labels: Sequence[str]) -> str:
        rows = _ROW.findall(prompt)
        seen = self._seen([text for _, text in rows], labels)
        lines = [f"{number}: {label}" for (number, _), label in zip(rows, seen, strict=True) if label]
        return "\n".join(lines) or "none"

    def _records(self, plan: Plan, text: str) -> str:
        rows = records.read_records(dict(documents_in(text)))
        seen = self._seen([row[3] for row in rows], plan["labels"])
        read = [(row[0], row[1], row[2], label) for row, label in zip(rows, seen, strict=True) if label]
        said = records.reduce_records(plan, read)
        if plan["family"] != "pairs":
            return said
        lines = said.splitlines()
        return "\n".join(lines[: 1 + self.profile.listed])

    def _seen(self, texts: Sequence[str], labels: Sequence[str]) -> list[str | None]:
        """The label that each text is taken to have; None where it is overlooked.

        Confusions are systematic: in one prompt a label is always taken for the same other one.
        """
        wrong = self.profile.confused(self.tokens)
        other = {label: self.chance.choice([one for one in labels if one != label] or [label]) for label in labels}
        seen: list[str | None] = []
        for text in texts:
            known = self.knowledge.labels.get(text.strip())
            drawn = self.chance.random()
            if known is None or drawn < wrong * OMITTED:
                seen.append(None)
            else:
                seen.append(other.get(known, known) if drawn < wrong * (1 + OMITTED) else known)
        return seen

    def _clauses(self, prompt: str, clauses: Sequence[str]) -> str:
        held = [(clause, self._holds(prompt, clause)) for clause in clauses]
        return "\n".join(f"{clause}: {'yes' if there else 'no'}" for clause, there in held)

    def _holds(self, text: str, clause: str) -> bool:
        for name, part in documents_in(text):
            if self.knowledge.holds(name, clause, letters(part)):
                return not self._overlooked()
        return False

    def _law(self, prompt: str) -> str:
        for name, part in documents_in(prompt):
            law = self.knowledge.law(name, letters(part))
            if law is not None and not self._overlooked():
                return f"law: {law}"
        return "law: none"

    def _contracts(self, plan: Plan, text: str) -> str:
        found: dict[str, contracts.Held] = {}
        for name, part in documents_in(text):
            known = letters(part)
            if "law" in plan:
                law = self.knowledge.law(name, known)
                found[name] = {"law": None if self._overlooked() else law}
                continue
            found[name] = {
                clause: self.knowledge.holds(name, clause, known) and not self._overlooked()
                for clause in plan["clauses"]
            }
        return contracts.reduce_contracts(plan, found)

    def _state(self, before: str, facts: str) -> str:
        state = chain.read_state(before, chain.blank())
        for fact in facts.splitlines():
            if not self._overlooked():
                chain.follow(state, fact)
        return json.dumps(state, sort_keys=True)

    def _needles(self, plan: Plan, text: str) -> str:
        lines = needles.needle_lines({"": text}, plan["key"])
        numbers = needles.needle_numbers(lines, plan["key"])
        missed = self.profile.retrieval * self.profile.confused(self.tokens)
        read = [number for number in numbers if self.chance.random() >= missed]
        return f"Answer: {', '.join(read)}" if read else UNKNOWN

    def _overlooked(self) -> bool:
        return self.chance.random() < self.profile.confused(self.tokens)


def documents_in(text: str) -> Iterator[tuple[str, str]]:
    """Name and text of each document that a prompt shows; one without a name where it shows none by name."""
    marks = list(_DOCUMENT.finditer(text))
    if not marks:
        yield "", text
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=False):  # without a mark there is one end too many
        yield mark[1] or mark[2], text[mark.end() : end]
