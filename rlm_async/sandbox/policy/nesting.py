"""Code nested so deeply that only a bomb is: told before anything parses it."""

from __future__ import annotations

import io
import re
import tokenize

BRACKETS = 60
BLOCKS = 40
"""What people write has fewer than ten of each."""
_FAR_RIGHT = re.compile(rf"^[ \t]{{{BLOCKS + 1}}}", re.MULTILINE)
_BRACKET = re.compile(r"[()\[\]{}]")
_STEPS = {**dict.fromkeys("([{", 1), **dict.fromkeys(")]}", -1)}


def too_deep() -> MemoryError:
    """The error for it: like every bomb, one of memory."""
    return MemoryError("the code is too deeply nested: use intermediate variables or a loop")


def check_nesting(source: str) -> None:
    """Raise MemoryError where brackets or blocks are nested too deeply."""
    if not (_may_nest_brackets(source) or _FAR_RIGHT.search(source)):
        return
    depth = {tokenize.OP: 0, tokenize.INDENT: 0}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.OP:
                depth[tokenize.OP] += _STEPS.get(token.string, 0)
            elif token.type in (tokenize.INDENT, tokenize.DEDENT):
                depth[tokenize.INDENT] += 1 if token.type == tokenize.INDENT else -1
            if depth[tokenize.OP] > BRACKETS or depth[tokenize.INDENT] > BLOCKS:
                break
        else:
            return
    except (tokenize.TokenError, SyntaxError):
        return  # the parser says it better
    raise too_deep()


def _may_nest_brackets(source: str) -> bool:
    """Whether it could be, brackets in texts and comments counted too."""
    if sum(map(source.count, "([{")) <= BRACKETS:
        return False
    depth = 0
    for bracket in _BRACKET.findall(source):
        depth = max(0, depth + _STEPS[bracket])
        if depth > BRACKETS:
            return True
    return False
