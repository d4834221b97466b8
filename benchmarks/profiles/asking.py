"""The program without a profile, and a leaf's knowledge, for texts of any kind: which documents say a thing."""

from __future__ import annotations

from collections.abc import Mapping

from rlm_async.bench.sim.kit import contracts as kit
from rlm_async.bench.sim.knowledge import ANCHOR, Knowledge, letters
from rlm_async.bench.sim.programs import DOCS
from rlm_async.bench.sim.source import source_of

KIT = source_of(kit, "pieces", "piece_prompt", "merged")
NAMES = 'FINAL("Answer:\\n" + "\\n".join(names))'


def by_pieces(thing: str, docs: str = "DOCS") -> str:
    """Reads every document in pieces, and asks of each whether it says the thing; the leaf sees all of the text."""
    return f"""PLAN = {{"clauses": [{thing!r}]}}
{DOCS}
{KIT}
jobs = [(name, piece) for name, text in {docs}.items() for piece in pieces(text)]
replies = llm_query_batched([piece_prompt(name, piece, PLAN) for name, piece in jobs])
said = {{}}
for (name, piece), reply in zip(jobs, replies):
    said.setdefault(name, []).append(reply)
names = [name for name in said if merged(said[name], PLAN)[{thing!r}]]
{NAMES}"""


def place(text: str, offset: int) -> str:
    """By what a place is known again: the letters and digits from there on."""
    return letters(text[offset : offset + 4 * ANCHOR])[:ANCHOR]


def known(places: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Knowledge:
    """Document, thing, anchors of the places that say it."""
    return Knowledge(clauses=places)
