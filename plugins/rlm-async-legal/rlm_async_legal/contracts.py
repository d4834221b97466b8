"""What makes a profile of contracts: words for the prompt, functions, schemas, examples."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from rlm_async.core.data import Data
from rlm_async.core.preamble import preamble
from rlm_async.core.profile import Example, Profile
from rlm_async_legal.judging import fits
from rlm_async_legal.loading import prepare

ADVICE = """\
- A contract defines its own words: a capitalised word means what its definition says, wherever that stands.
- What one clause gives, another may take: look for "notwithstanding", "subject to", "except as provided in", and for \
amendments, schedules and exhibits behind the signatures.
- A heading decides nothing. Clauses of a kind stand under other headings, inside of lists, or in two places; a word such \
as "exclusive" in a licence is no exclusivity clause.
- Tell what the contract says, of which party, and where; tell apart what it does not say and what was not looked for.
- Dates: "made as of", "effective" and "signed" are three dates. `[*]`, `____` and `***` stand for what was left out.
- Give the words of the contract for each statement, letter by letter, with document and line."""

METHOD = """\
How to go about it: `passages(topic)` finds where a kind of clause may stand; most of what it finds only mentions the words, \
so ask a sub-query about the passages of each contract, one prompt for each contract: its name, its first lines and the \
passages, the question last. What no passage answers may still be there: where a "no" matters, read the rest of that \
contract in pieces. `parties`, `dates` and `clauses` go by form and miss some: check what you use against the text."""

FUNCTIONS = {
    "passages(topic, doc=None, before=500, after=700, most=None)": "where a kind of clause may stand, with doc, line, "
    "start, end, clause, text; a topic is a kind of `topics()` or any words",
    "topics()": "the kinds of clauses that `passages` knows, those of CUAD: 'exclusivity', 'cap on liability', …",
    "clauses(doc=None, title=None)": "numbered clauses with doc, number, title, line, start, end, text; `doc` is a name, "
    "a part of one, or a text",
    "clause_at(doc, offset)": "the clause that holds a place of a contract",
    "parties(doc=None)": "who makes each contract: doc, name, alias, line",
    "dates(doc=None)": "full dates in ISO form with their role (effective, signed, expiry, filed), line and words around",
    "terms(doc=None)": "defined terms with the sentence that defines them",
    "compare(one, other)": "two contracts clause by clause, with the edits between those of the same title or number",
    "quote(doc, start, end)": "the words between two offsets, with their lines",
}

_PLACE: dict[str, Data] = {
    "document": {"type": "string"},
    "line": {"type": "integer", "minimum": 1},
    "quote": {"type": "string", "description": "The words of the contract, letter by letter."},
}


def _listed(key: str, properties: dict[str, Data]) -> dict[str, Data]:
    item: dict[str, Data] = {
        "type": "object",
        "required": [*properties, "document"],
        "properties": {**properties, **_PLACE},
    }
    return {"type": "object", "required": [key], "properties": {key: {"type": "array", "items": item}}}


SCHEMAS: dict[str, dict[str, Data]] = {
    "clauses": _listed("clauses", {"clause": {"type": "string"}, "present": {"type": "boolean"}}),
    "parties": _listed("parties", {"name": {"type": "string"}, "alias": {"type": "string"}}),
    "dates": _listed("dates", {"date": {"type": "string"}, "role": {"type": "string"}}),
    "comparison": _listed(
        "differences",
        {"clause": {"type": "string"}, "one": {"type": "string"}, "other": {"type": "string"}},
    ),
}

SESSION = ("clauses", "parties", "topics", "comparison")
"""Parts of the preamble, in order."""

EXAMPLES = (
    Example(
        question="Who are the parties, and from when does the agreement hold?",
        path="supply.txt",
        expected="Larkspur Mills, Inc. (Supplier); Harbour & Vane Outfitters LLC (Buyer); 2024-03-01",
        solution='names = "; ".join(p["name"] + " (" + p["alias"] + ")" for p in parties())\n'
        'FINAL(names + "; " + next(d["date"] for d in dates() if d["role"] == "effective"))',
    ),
    Example(
        question="In which clause and line is the cap on liability?",
        path="supply.txt",
        expected="9.2 Cap, line 49",
        solution='found = next(p for p in clauses(title="cap"))\n'
        'FINAL(found["number"] + " " + found["title"] + ", line " + str(found["line"]))',
    ),
    Example(
        question="Which law governs this agreement, and where is that said?",
        path="cuad/full_contract_txt/LIMEENERGYCO_09_09_1999-EX-10-DISTRIBUTOR AGREEMENT.txt",
        expected="laws of the State of Illinois",
        solution='said = clauses(title="governing law")[0]\n'
        'FINAL(said["number"] + ": " + " ".join(said["text"].split()))',
    ),
)


def profile() -> Profile:
    """The profile `legal`."""
    package = files("rlm_async_legal")
    return Profile(
        name="legal",
        about="contracts",
        advice=ADVICE,
        method=METHOD,
        functions=FUNCTIONS,
        preamble=preamble(*((package / "session" / f"{part}.py").read_text("utf-8") for part in SESSION)),
        schemas=SCHEMAS,
        prepare=prepare,
        fits=fits,
        examples=EXAMPLES,
        data=Path(str(package / "texts")),
    )
