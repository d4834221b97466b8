"""What the preambles of profiles have in common: documents by name whatever the input's shape, and lines by place."""

from __future__ import annotations

COMMON = r'''
import bisect
import re


def _texts():
    if isinstance(context, str):
        return {"context": context}
    if isinstance(context, dict):
        return context
    try:
        return dict(context.items())
    except AttributeError:
        return {str(i): text for i, text in enumerate(context)}


def _chosen(doc=None):
    """Name and text of the documents meant: all, one by its name or a part of it, several, or a text itself."""
    texts = _texts()
    if doc is None:
        return list(texts.items())
    if isinstance(doc, (list, tuple, set)):
        return [pair for one in doc for pair in _chosen(one)]
    if isinstance(doc, int):
        doc = str(doc)
    doc = str(doc)
    if doc in texts:
        return [(doc, texts[doc])]
    if "\n" in doc or len(doc) > 300:
        return [("text", doc)]
    near = [name for name in texts if doc.lower() in name.lower()]
    if len(near) == 1:
        return [(near[0], texts[near[0]])]
    shown = ", ".join(repr(name) for name in (near or list(texts))[:10])
    raise KeyError(f"no single document is called {doc!r}; there are {len(near or texts)}: {shown}")


def _starts(text):
    return [0] + [found.end() for found in re.finditer("\n", text)]


def _line(starts, offset):
    return bisect.bisect_right(starts, offset)
'''
"""`_texts()`, `_chosen(doc)`, `_starts(text)` and `_line(starts, offset)`; imports `re` and `bisect`."""


def preamble(*sources: str) -> str:
    """The preamble of a profile: the common part, then its own sources in order."""
    return "\n\n\n".join(part.strip() for part in (COMMON, *sources)) + "\n"
