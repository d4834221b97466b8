"""Whether an input looks like conversations with a help desk: turns of several people, and the words of trouble."""

from __future__ import annotations

import re
from collections import Counter

from rlm_async.core.context import Context
from rlm_async_support.loading import prepare

DOCUMENTS = 12
"""So many, evenly spread, are looked at."""
GLANCE = 12_000
EXPORT = 400_000
"""Characters of an export that are taken apart for a look."""

_TURN = re.compile(
    r"(?m)^[ \t]*(?:[\[(]?\d[\d:/.\- TZ+]{3,28}[\])]?[ \t]*(?:[AaPp][Mm][\])]?)?[ \t]*[-|\u2013]?[ \t]*)?(?:\*\*)?"
    r"([A-Z][\w.'-]+(?: [A-Z][\w.'-]+){0,2}|customer|agent|user|support)(?:[ \t]*[(\[][^()\[\]\n]{2,30}[)\]])?(?:\*\*)?"
    r"(?:[ \t]*[(\[]\d[^()\[\]\n]{3,25}[)\]])?:[ \t]+\S"
)
_MAIL = re.compile(r"(?m)^From:[ \t]*\S")
_FIELD = re.compile(
    r"(?im)^[ \t#*]*(?:ticket|case|subject|status|priority|requester|customer|assignee|agent|channel|opened|created(?:[ _]at)?)\b[^:\n]{0,12}:"
)
_TROUBLE = re.compile(
    r"(?i)\b(?:ticket|refund|order(?:ed)?|account|log ?in|password|error|issue|problem|help|support|broken|not work\w*|doesn.t work|"
    r"thank(?:s| you)|sorry|apolog\w+|please|invoice|charged?|delivery|replace(?:d|ment)?|reset|restart|version|update[ds]?|resolved?|fixed)\b"
)
_HEADERS = frozenset(
    [
        *(
            "date",
            "time",
            "subject",
            "status",
            "from",
            "to",
            "instance",
            "label",
            "ticket",
            "priority",
            "note",
            "warning",
        ),
        *(
            "error",
            "question",
            "answer",
            "title",
            "by",
            "name",
            "its",
            "attention",
            "attn",
            "address",
            "re",
            "telephone",
        ),
        *("tel", "phone", "fax", "facsimile", "email", "e-mail", "source", "witness", "section", "article", "exhibit"),
    ]
)
"""Names before a colon that are nobody's."""
_LEGAL = re.compile(r"(?i)\b(?:hereinafter|hereby|hereto|hereof|hereunder|witnesseth|whereas)\b")
_CODE = re.compile(r"(?m)^(?:def |class |import |from \w[\w.]* import |#include|package )")
_TURNS, _WORDS, _LEAST, _LINES_APART = 3, 4, 2, 60


def fits(context: Context) -> float:
    """How sure: the share of the documents looked at that are such conversations."""
    documents = [document for document in context.documents if document.text.strip()]
    if not documents:
        return 0.0
    step = max(1, len(documents) // DOCUMENTS)
    looked = documents[::step][:DOCUMENTS]
    return sum(_conversation(document.text) for document in looked) / len(looked)


def _conversation(text: str) -> float:
    head = text.lstrip("\ufeff \t\r\n")
    if head[:1] in {"{", "["} or "," in head[:200].partition("\n")[0]:
        head = _opened(head)
    head = head[:GLANCE]
    if len(_CODE.findall(head)) > 1 or len(_LEGAL.findall(head)) > _LEAST:
        return 0.0
    speakers = Counter(name for name in _TURN.findall(head) if name.lower() not in _HEADERS)
    turns = sum(speakers.values()) + len(_MAIL.findall(head))
    several = len(speakers) >= _LEAST or len(_MAIL.findall(head)) >= _LEAST
    crowd = len(speakers) > max(6, turns // 2)
    trouble = len({word.lower() for word in _TROUBLE.findall(head)})
    if turns < _TURNS or not several or crowd or trouble < _WORDS or head.count("\n") > turns * _LINES_APART:
        return 0.0
    fields = len(set(_FIELD.findall(head)))
    return min(0.97, 0.6 + 0.04 * min(turns, 5) + 0.05 * min(trouble - _WORDS, 3) + (0.1 if fields else 0.0))


def _opened(text: str) -> str:
    """The first conversations of an export, or the text itself where it is none; of a long one its first lines."""
    if len(text) > EXPORT:
        lines = text[:EXPORT].rpartition("\n")[0]
        text = lines or text[:EXPORT]
    made = prepare(Context.of(text))
    return "\n\n".join(document.text for document in made.documents[:20])
