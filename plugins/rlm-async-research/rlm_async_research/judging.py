"""Whether an input looks like papers: an abstract, sections of the usual names, citations, a list of references."""

from __future__ import annotations

import re

from rlm_async.core.context import Context

DOCUMENTS = 12
"""So many, evenly spread, are looked at."""
HEAD, TAIL = 12_000, 30_000
"""Characters of the beginning and of the end of each."""
ENOUGH = 3
SHORTEST = 800

_NUMBER = r"(?:\d{1,2}(?:\.\d{1,2})*\.?|[IVX]{1,4}\.)?"
_HEADS = r"introduction|related work|background|motivation|methods?|methodology|experiments?|evaluation|results|discussion|conclusions?|limitations"
_ABSTRACT = re.compile(r"(?im)^[\s#*\\{}]*(?:\\begin\{)?(?:abstract|summary)\b[\s:.*}—-]*")
_SECTIONS = re.compile(rf"(?im)^[ \t#*]*(?:\\section\*?\{{)?[ \t]*{_NUMBER}[ \t]*(?:{_HEADS})\b[^\n]{{0,40}}$")
_LIST = re.compile(
    r"(?im)^[ \t#*]*(?:\\(?:section\*?|begin)\{)?[ \t]*\d{0,2}\.?[ \t]*(?:references|bibliography|thebibliography|works cited|literature cited)\b[}: \t*]*$"
)
_ENTRIES = re.compile(
    r"(?im)^[ \t]*(?:\[\d{1,3}\]|\d{1,3}\.|\\bibitem|\.\. \[|@(?:article|inproceedings|book|misc)\s*\{).{10,}"
    r"|^[A-Z][\w'\u2019-]+,\s+[A-Z]\.[^\n]{0,120}\b(?:19|20)\d\d"
)
_CITES = re.compile(
    r"\[\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*\]_?(?!\()|\\cite[a-z]*\{|\[@[\w:.-]+|\([A-Z][\w'\u2019-]+(?: et al\.?| (?:and|&) [A-Z][\w'\u2019-]+)?,? (?:19|20)\d\d[a-z]?[;)]"
)
_PUBLISHED = re.compile(r"(?i)\bdoi(?:\.org|:)|\barxiv:|\bproceedings of\b|\bjournal of\b|\bet al\.|\\documentclass")
_CODE = re.compile(r"(?m)^(?:def |class |import |from \w[\w.]* import |#include|package |function )")


def fits(context: Context) -> float:
    """How sure: the share of the documents looked at that are papers; files of BibTeX count beside one."""
    documents = [document.text for document in context.documents if len(document.text) >= SHORTEST]
    if not documents:
        return 0.0
    step = max(1, len(documents) // DOCUMENTS)
    looked = documents[::step][:DOCUMENTS]
    return sum(_paper(text) for text in looked) / len(looked)


def _paper(text: str) -> float:
    head, tail = text[:HEAD], text[-TAIL:]
    if len(_CODE.findall(head)) > 2:  # noqa: PLR2004 - a paper may show a line or two
        return 0.0
    listed = bool(_LIST.search(tail)) and bool(_ENTRIES.search(tail))
    marks = (
        bool(_ABSTRACT.search(head)),
        len(set(_SECTIONS.findall(head + tail))) > 1,
        listed,
        len(_CITES.findall(head + tail)) > 2,  # noqa: PLR2004 - one pair of brackets is none
        bool(_PUBLISHED.search(head + tail)),
    )
    found = sum(marks) if listed or marks[0] else 0
    return 0.0 if found < ENOUGH else (0.65, 0.85, 0.95)[found - ENOUGH]
