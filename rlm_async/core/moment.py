"""The line of a prompt that tells the moment: what is left to spend, which no two runs find quite alike.

Requests that differ in it alone are the same request: siblings that settle in another order, or a run that
is taken up again, must not make a new one of it.
"""

from __future__ import annotations

import re

LEFT = "Left: "
"""How the line begins; nothing else stands before it on its line."""

_LINE = re.compile(rf"^{LEFT}\d[\d,]* turns?(?:, [^\n]*?)?\.(?= |$)", re.MULTILINE)


def timeless(text: str) -> str:
    """`text` without what is told of the moment: from the line's beginning to its first sentence's end."""
    return _LINE.sub(LEFT, text) if LEFT in text else text
