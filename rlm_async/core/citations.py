"""Answers that cite: quotes that stand in the input letter by letter, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rlm_async.core.context import Context, Document
from rlm_async.core.data import Data

_QUOTE = (
    "The passage that says so, copied from the input letter by letter by code (a slice of the text); "
    "a sentence or less, not retold."
)
_SHOWN_CHARACTERS = 80
_WORDS = 400
"""Quotes of more words than this are only looked for as they stand."""


class Misquoted(ValueError):
    """A quote does not stand in the input; the text says which, for the model to mend it."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A claim and the passage that bears it: `text[start:end]` of the document is the quote, in characters."""

    claim: str
    document: str
    quote: str
    start: int
    end: int


def cited_schema(answer: Mapping[str, Data] | None) -> dict[str, Data]:
    """The JSON Schema of an answer with its citations; `answer` is the answer's own, None a text."""
    citation: dict[str, Data] = {
        "type": "object",
        "required": ["claim", "document", "quote"],
        "properties": {
            "claim": {"type": "string", "description": "One thing that the answer says."},
            "document": {"type": "string", "description": "The name of the document; of a single text: context."},
            "quote": {"type": "string", "minLength": 1, "description": _QUOTE},
        },
    }
    return {
        "type": "object",
        "required": ["answer", "citations"],
        "properties": {
            "answer": dict(answer) if answer is not None else {"type": "string"},
            "citations": {"type": "array", "minItems": 1, "items": citation},
        },
    }


def located(value: Data, context: Context) -> Data:
    """An answer that fits `cited_schema`, each citation with its offsets and its quote as it stands.

    White space may differ between a quote and the text. Raises Misquoted.
    """
    if not isinstance(value, Mapping):
        raise Misquoted("an answer with citations is an object")
    given = value.get("citations")
    found = [_placed(i, item, context) for i, item in enumerate(given if isinstance(given, list) else [])]
    return {**value, "citations": found}


def citations(value: Data) -> tuple[Citation, ...]:
    """The citations of an answer that `located` has given back."""
    given = value.get("citations") if isinstance(value, Mapping) else None
    return tuple(_read(item) for item in (given if isinstance(given, list) else []) if isinstance(item, Mapping))


def _read(item: Mapping[str, Data]) -> Citation:
    start, end = item.get("start"), item.get("end")
    at = (start, end) if isinstance(start, int) and isinstance(end, int) else (0, 0)
    return Citation(str(item.get("claim", "")), str(item.get("document", "")), str(item.get("quote", "")), *at)


def _placed(number: int, item: Data, context: Context) -> Data:
    if not isinstance(item, Mapping):
        raise Misquoted(f"citation {number} is no object")
    quote, name = str(item.get("quote", "")), str(item.get("document", ""))
    for document in _ordered(context, name):
        place = _find(document.text, quote)
        if place is not None:
            start, end = place
            exact = document.text[start:end]
            return {**item, "document": document.name, "quote": exact, "start": start, "end": end}
    shown = quote if len(quote) <= _SHOWN_CHARACTERS else quote[:_SHOWN_CHARACTERS] + " …"
    raise Misquoted(
        f"the quote of citation {number} does not stand in the input: {shown!r}; copy it by code, "
        "for instance text[start:end]"
    )


def _ordered(context: Context, name: str) -> Iterator[Document]:
    """The documents, the one that was named first."""
    yield from (document for document in context if document.name == name)
    yield from (document for document in context if document.name != name)


def _find(text: str, quote: str) -> tuple[int, int] | None:
    start = text.find(quote)
    if start >= 0:
        return start, start + len(quote)
    words = quote.split()
    if not 1 < len(words) <= _WORDS:
        return None
    match = re.search(r"\s+".join(map(re.escape, words)), text)
    return None if match is None else match.span()
