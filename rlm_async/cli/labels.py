"""What a node is called on the screen: the beginning of its prompt, or of what sets it apart from its siblings."""

from __future__ import annotations

from os.path import commonprefix

from rlm_async.cli.text import one_line

REACH = 4_000
"""Characters in which siblings are compared."""
ALIKE = 24
"""Prompts that begin with so many equal characters come from one pattern."""
TAIL = 120


def label(prompt: str, sibling: str | None = None) -> str:
    """The label of a prompt; beside a `sibling` of one pattern with it, from where they part."""
    if sibling is None or prompt == sibling:
        return one_line(prompt)
    same = len(commonprefix([prompt[:REACH], sibling[:REACH]]))  # noqa: RUF071 - characters are what is compared
    if same < ALIKE:
        return one_line(prompt)
    if same == REACH:  # text first, question last: the end tells them apart
        return f"…{one_line(prompt[-TAIL:])}"
    start = max(prompt.rfind(blank, 0, same) for blank in " \n") + 1
    return f"…{one_line(prompt[start:])}" if prompt[start:].strip() else one_line(prompt)
