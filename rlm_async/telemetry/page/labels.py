"""What a node is called in a row of the page: one line that tells it from its siblings."""

from __future__ import annotations

from os.path import commonprefix

LONGEST = 160
REACH = 4_000
"""Characters in which siblings are compared."""
ALIKE = 24
"""Prompts that begin with so many equal characters come from one pattern."""


def label(prompt: str, sibling: str | None = None) -> str:
    """The beginning of `prompt`, or of what sets it apart from a `sibling` made of the same pattern."""
    if sibling is None or sibling == prompt:
        return _line(prompt)
    same = len(commonprefix([prompt[:REACH], sibling[:REACH]]))  # noqa: RUF071 - characters are what is compared
    if same < ALIKE:
        return _line(prompt)
    if same == REACH:  # a long text first, the question last: the end tells them apart
        return f"…{_line(prompt[-LONGEST:])}"
    start = max(prompt.rfind(blank, 0, same) for blank in " \n") + 1
    rest = _line(prompt[start:])
    return f"…{rest}" if rest else _line(prompt)


def _line(text: str) -> str:
    head = text[: LONGEST * 4]
    line = " ".join(head.split())
    return line if len(line) <= LONGEST and len(head) == len(text) else f"{line[: LONGEST - 1]}…"
