"""Whether an input looks like contracts: by the words that open them, at a glance."""

from __future__ import annotations

import re

from rlm_async.core.context import Context

DOCUMENTS = 12
"""So many, evenly spread, are looked at."""
GLANCE = 8_000
"""Characters of the beginning of each."""
ENOUGH = 5
"""Marks of different kinds that make a text a contract."""

MARKS = tuple(
    re.compile(mark, re.IGNORECASE)
    for mark in (
        r"^\W*[^\n]{0,80}\b(?:agreement|contract|lease|indenture|amendment|addendum|deed|licence|license)\b[^\n.]{0,60}$",
        r"\bby and (?:between|among)\b|\b(?:agreement|contract)\b.{0,300}\b(?:between|among)\b",
        r"\b(?:the|each|both|either) part(?:y|ies)\b",
        r"\b(?:witnesseth|whereas|recitals?|now,?\s+therefore|in consideration of)\b",
        r"\bherein(?:after)?\b|\bhereto\b|\bhereunder\b|\bhereof\b|\bhereby\b",
        r"\([^)\n]{0,60}[\"\u201c][^\"\u201d\n]{2,40}[\"\u201d]\s*\)",
        r"\bshall\b(?:.{0,1200}\bshall\b){2}",
        r"\b(?:effective date|governing law|terminat(?:e|ion)|indemnif\w+|confidential\w*|assign(?:s|ment)?)\b",
    )
)
_MULTILINE = re.compile(MARKS[0].pattern, re.IGNORECASE | re.MULTILINE)
_SPANNING = re.compile(MARKS[6].pattern, re.IGNORECASE | re.DOTALL)
_OTHER = re.compile(
    r"(?m)^\s*(?:def |class |import |from \w+ import |#include|function |public |package |<\?php|<!doctype|<html)"
    r"|\babstract\b.{0,40}\n|\bpermission is hereby granted\b|\bfree software\b",
    re.IGNORECASE,
)


def fits(context: Context) -> float:
    """How sure: the share of the documents looked at that are contracts, by their marks."""
    documents = [document.text for document in context.documents if document.text.strip()]
    if not documents:
        return 0.0
    step = max(1, len(documents) // DOCUMENTS)
    looked = documents[::step][:DOCUMENTS]
    return sum(_contract(text[:GLANCE]) for text in looked) / len(looked)


def _contract(head: str) -> float:
    if len(re.findall(r"(?m)^\s*(?:def |class |import |from \w+ import |#include)", head)) > 1 or _OTHER.search(head):
        return 0.0
    others = [mark for i, mark in enumerate(MARKS) if i not in {0, 6}]
    found = sum(bool(mark.search(head)) for mark in others)
    found += bool(_MULTILINE.search(head[:3_000])) + bool(_SPANNING.search(head))
    return 0.0 if found < ENOUGH else min(0.98, 0.6 + 0.12 * (found - ENOUGH))
