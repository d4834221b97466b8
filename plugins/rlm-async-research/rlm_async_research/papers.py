"""What makes a profile of papers: words for the prompt, functions, schemas, examples."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from rlm_async.core.data import Data
from rlm_async.core.preamble import preamble
from rlm_async.core.profile import Example, Profile
from rlm_async_research.judging import fits
from rlm_async_research.loading import prepare

ADVICE = """\
- A paper says the same thing three times: in the abstract boldly, in the results exactly, in the discussion with its \
limits. Take figures from results and tables, and say under which conditions they hold.
- What it reports of others ("Smith found …") is not its own finding; what it plans or assumes is none at all.
- Evidence is a figure, a table, a test or a reference. Say which one bears a claim, and say so where there is none.
- Text out of a PDF has hyphens at line ends, running heads inside of sentences, and tables without their columns.
- Give section and line for what you say, and quote it letter by letter."""

METHOD = """\
How to go about it: `sections()` shows how each paper is built; read what the question is about, not all of it. \
`claims()` lists sentences that report findings, with figures and citations in them: let a sub-query judge them, many in \
one prompt. `references()` and `citations(key=…)` answer what cites what by code alone. All of it goes by form: where a \
list comes back short, look at the text."""

FUNCTIONS = {
    "sections(doc=None, title=None)": "headings with the text below each: doc, title, level, line, start, end, text",
    "section_at(doc, offset)": "the section that holds a place of a paper",
    "references(doc=None)": "the entries of reference lists: doc, key, year, link, line, text",
    "citations(doc=None, key=None)": "where the text cites: doc, key, line, start, section, sentence",
    "claims(doc=None)": "sentences that report a finding: doc, section, line, start, sentence, figures, cites",
}

_QUOTE: dict[str, Data] = {
    "document": {"type": "string"},
    "section": {"type": "string"},
    "quote": {"type": "string", "description": "The words of the paper, letter by letter."},
}


def _listed(key: str, properties: dict[str, Data]) -> dict[str, Data]:
    item: dict[str, Data] = {"type": "object", "required": [*properties], "properties": {**properties, **_QUOTE}}
    return {"type": "object", "required": [key], "properties": {key: {"type": "array", "items": item}}}


SCHEMAS: dict[str, dict[str, Data]] = {
    "claims": _listed(
        "claims",
        {
            "claim": {"type": "string"},
            "evidence": {"type": "string", "description": "A figure, a table, a test, a reference; or none."},
            "quote": {"type": "string", "minLength": 1},
        },
    ),
    "references": _listed("references", {"key": {"type": "string"}, "text": {"type": "string"}}),
}

SESSION = ("sections", "references")
"""Parts of the preamble, in order."""

EXAMPLES = (
    Example(
        question="Which works of the reference list are cited in more than one section?",
        path="loops.txt",
        expected="[2] 1977",
        solution='years = {r["key"]: r["year"] for r in references()}\n'
        "places = {}\n"
        "for c in citations():\n"
        '    places.setdefault(c["key"], set()).add(c["section"])\n'
        'FINAL("; ".join("[" + k + "] " + years[k] for k, s in places.items() if len(s) > 1))',
    ),
    Example(
        question="Which part of the operations does a bare proxy get wrong, and in which section is that said?",
        path="loops.txt",
        expected="2.1 Where a Value Is Needed: 15, 43",
        solution='found = next(c for c in claims() if "bare proxy" in c["sentence"])\n'
        'FINAL(found["section"] + ": " + ", ".join(found["figures"]))',
    ),
)


def profile() -> Profile:
    """The profile `research`."""
    package = files("rlm_async_research")
    return Profile(
        name="research",
        about="papers",
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
