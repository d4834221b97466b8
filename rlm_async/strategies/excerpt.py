"""A long text shown by its head and its tail, with what is missing counted."""

from __future__ import annotations

from collections.abc import Sequence

HEAD_SHARE = 0.6
"""Of the characters shown, the part from the head: beginnings say what a text is, ends how it came out."""


def excerpt(text: str, limit: int, whole: int | None = None) -> str:
    """`text` in about `limit` characters; `whole` is its true length where it was cut before."""
    missing = max(0, (whole or 0) - len(text))
    if len(text) <= limit:
        return text
    head = max(0, int(limit * HEAD_SHARE))
    tail = max(0, limit - head)
    left_out = len(text) - head - tail + missing
    return f"{text[:head]}\n… [{left_out:,} characters left out] …\n{text[len(text) - tail :]}"


def shares(lengths: Sequence[int], total: int) -> list[int]:
    """`total` characters dealt to texts of these lengths: what short ones do not need goes to the long."""
    dealt = [0] * len(lengths)
    left = total
    for position, i in enumerate(sorted(range(len(lengths)), key=lambda i: lengths[i])):
        dealt[i] = min(lengths[i], max(0, left) // (len(lengths) - position))
        left -= dealt[i]
    return dealt
