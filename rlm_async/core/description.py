"""What a prompt says about a context: its type, its size, its look, and never the text itself."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import Final

from rlm_async.core.context import Context, Document
from rlm_async.core.formats import looks_like
from rlm_async.core.tokens import estimate_tokens_of

LONGEST: Final = 2_000
"""Characters of a description at most."""
EXCERPT: Final = 300
"""Characters of the first and of the last excerpt at most."""
NAME: Final = 60
"""Characters shown of a name at most."""
NAMES: Final = 8
"""Names shown at most."""

_TYPES = {"text": "str", "list": "list[str]", "dict": "dict[str, str]", "corpus": "dict[str, str]"}


def describe(context: Context) -> str:
    """The lines that tell a model what `context` is; the same for equal contexts, at most LONGEST characters.

    Names and excerpts are written like Python literals, so that nothing in them can end a line or pass
    for an instruction of the prompt.
    """
    documents = context.documents
    lines = [_what(context), _size(context)]
    if context.shape != "text" and documents:
        lines += [_spread(documents), _names(context)]
        kinds = _kinds(documents) if context.shape == "corpus" else ""
        lines += [kinds] if kinds else []
    if context.characters:
        full = [document for document in documents if document.text and not document.text.isspace()] or list(documents)
        lines += [_look(context, full), *_excerpts(context, full)]
    text = "\n".join(lines)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _what(context: Context) -> str:
    kind = _TYPES[context.shape]
    count = _counted(len(context.documents), "document")
    if context.shape == "text":
        return f"`context` is a {kind}."
    if context.shape == "list":
        return f"`context` is a {kind} of {_counted(len(context.documents), 'text')}."
    key = "path" if context.shape == "corpus" else "key"
    return f"`context` is a {kind} of {count}: {key} to text."


def _size(context: Context) -> str:
    texts = [document.text for document in context.documents]
    lines = sum(text.count("\n") + (not text.endswith("\n")) for text in texts if text)
    tokens = estimate_tokens_of(texts)
    return f"Size: {_counted(context.characters, 'character')}, {_counted(lines, 'line')}, about {tokens:,} tokens."


def _spread(documents: tuple[Document, ...]) -> str:
    sizes = [len(document.text) for document in documents]
    largest = max(documents, key=lambda document: len(document.text))
    middle = int(statistics.median(sizes))
    return f"Each: {min(sizes):,} to {max(sizes):,} characters, median {middle:,}; largest: {_quoted(largest.name)}."


def _names(context: Context) -> str:
    documents = context.documents
    if context.shape == "list":
        return f"Indexes: 0 to {len(documents) - 1}."
    shown = ", ".join(_quoted(document.name) for document in documents[:NAMES])
    label = "Paths" if context.shape == "corpus" else "Keys"
    if len(documents) <= NAMES:
        return f"{label}: {shown}."
    return f"{label}: {shown}, … {_quoted(documents[-1].name)}."


def _kinds(documents: tuple[Document, ...]) -> str:
    counts = Counter(_suffix(document.name) for document in documents)
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{kind} {count:,}" for kind, count in common[:NAMES])
    return f"File types: {listed}{', …' if len(common) > NAMES else ''}."


def _suffix(name: str) -> str:
    last = name.rpartition("/")[2]
    stem, _, ending = last.rpartition(".")
    return f".{ending.lower()}" if stem and ending.isalnum() and len(ending) <= 10 else "no suffix"  # noqa: PLR2004 -- longer endings are parts of names


def _look(context: Context, full: list[Document]) -> str:
    """The format, of a sample of three where there are many."""
    sample = [full[0], full[len(full) // 2], full[-1]] if len(full) > 1 else full
    names = context.shape == "corpus"
    looks = list(dict.fromkeys(looks_like(d.text, d.name if names or context.shape == "text" else "") for d in sample))
    said = "; ".join(_clipped(look, EXCERPT if len(looks) == 1 else EXCERPT // 3) for look in looks)
    longest = max(map(len, context.documents[0].text[:100_000].split("\n"))) if context.shape == "text" else 0
    note = " (very long lines)" if longest > 10_000 else ""  # noqa: PLR2004 -- no editor shows such a line, nor should a prompt
    return f"{'Looks' if len(sample) == 1 else 'Samples look'} like: {said}{note}."


def _excerpts(context: Context, full: list[Document]) -> list[str]:
    first, last = full[0], full[-1]
    one = context.shape == "text"
    head = _literal(first.text, EXCERPT)
    if one and len(first.text) <= EXCERPT:
        return [f"It is short: {head}"]
    tail = _literal(last.text[-EXCERPT:], EXCERPT, end=True)
    if one:
        return [f"Begins: {head}", f"Ends: {tail}"]
    return [f"{_quoted(first.name)} begins: {head}", f"{_quoted(last.name)} ends: {tail}"]


def _literal(text: str, most: int, *, end: bool = False) -> str:
    """`text` as a Python literal of at most `most` characters, cut at its end, or at its beginning."""
    kept = text[-most:] if end else text[:most]
    cut = len(kept) < len(text)
    while len(repr(kept)) > most - 1:
        over = max(1, (len(repr(kept)) - most) // 10)
        kept = kept[over:] if end else kept[:-over]
        cut = True
    marks = ("…", "") if end else ("", "…")
    return f"{marks[0] if cut else ''}{kept!r}{marks[1] if cut else ''}"


def _quoted(name: str) -> str:
    return _literal(name, NAME)


def _clipped(text: str, most: int) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
