"""Papers as they are asked about: the same words, with one kind of line end."""

from __future__ import annotations

import re
from dataclasses import replace

from rlm_async.core.context import Context, Document

_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
"""Line ends of other systems, and the form feeds that `pdftotext` puts between pages."""


def prepare(context: Context) -> Context:
    """The context with one kind of line end: headings stand at the begin of a line, and lines count alike."""
    if not any(_ENDS.search(document.text) for document in context):
        return context
    documents = tuple(Document(document.name, _ENDS.sub("\n", document.text)) for document in context)
    return replace(context, documents=documents)
