"""What the simulated model knows: gold labels of single items, and never the answer to a question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ANCHOR = 60
"""Letters and digits by which a passage of a contract is known again, whatever its line breaks."""

_OTHER = bytes(set(range(256)) - set(b"abcdefghijklmnopqrstuvwxyz0123456789"))


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Labels by the text of an item; passages of contracts by name and clause; their laws by name.

    An item is known only where its text (a contract: its name and the passage) stands in the prompt.
    """

    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    clauses: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict, repr=False)
    """Contract, clause, anchors of the passages that hold it; no anchors: it cannot be told from the text."""
    laws: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict, repr=False)
    """Contract, its law and the anchors of the passage that says so."""

    def joined(self, other: Knowledge) -> Knowledge:
        """What both know."""
        return Knowledge(
            {**self.labels, **other.labels}, {**self.clauses, **other.clauses}, {**self.laws, **other.laws}
        )

    def holds(self, contract: str, clause: str, text: str) -> bool:
        """Whether a text, brought to letters and digits by `letters`, holds the clause of the contract."""
        return any(anchor in text for anchor in self.clauses.get(contract, {}).get(clause, ()))

    def law(self, contract: str, text: str) -> str | None:
        """The law that a text names for a contract."""
        name, anchors = self.laws.get(contract, ("", ()))
        return name if name and any(anchor in text for anchor in anchors) else None


def letters(text: str) -> str:
    """A text as its lower-case letters and digits alone."""
    return text.lower().encode("ascii", "ignore").translate(None, _OTHER).decode()


def anchor(passage: str) -> str:
    """By what a passage is known again; nothing where it is too short to be told from others."""
    found = letters(passage)[:ANCHOR]
    return found if len(found) >= ANCHOR // 4 else ""
