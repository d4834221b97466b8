"""What a turn's code did, as the model is shown it."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_async.core.transcript import Output
from rlm_async.strategies.excerpt import excerpt, shares

ERROR_CHARACTERS = 1_000
"""Of an error's text: `open(context)` once put a whole context into its message."""

NOT_READY = 'A draft stands in answer["content"]; it becomes the answer with answer["ready"] = True.'  # shown as it is
NO_CODE = (
    "Your reply held no code, so nothing was done. Reply with Python in a fenced block tagged `repl`; "
    'when you know the answer, give it from code: answer["content"] = …; answer["ready"] = True.'
)
INVENTED = "Your reply also held text that looks like output or an answer. It was ignored: this is what the code did."


def outputs(done: Sequence[Output], characters: int) -> str:
    """The outputs of one reply's blocks, within `characters` of printed text over all of them."""
    dealt = shares([len(output.stdout) for output in done], characters)
    several = len(done) > 1
    pairs = zip(done, dealt, strict=True)
    parts = [_one(output, share, i + 1 if several else 0) for i, (output, share) in enumerate(pairs)]
    if done and done[-1].draft is not None and done[-1].answer is None:
        parts.append(NOT_READY)
    return "\n\n".join(parts)


def _one(output: Output, share: int, number: int) -> str:
    of = f" of block {number}" if number else ""
    whole = max(output.stdout_characters, len(output.stdout))
    cut = whole > share
    lines = [f"Output{of}" + (f" ({whole:,} characters, cut):" if cut else ":")]
    if output.stdout.strip():
        shown = output.stdout.rstrip("\n")
        lines.append(excerpt(shown, share, whole - len(output.stdout) + len(shown)))
    elif output.error is None:
        lines.append("(nothing was printed)")
    if output.error is not None:
        lines.append(excerpt(str(output.error), ERROR_CHARACTERS))
    if output.lost:
        lines.append(output.lost)
    return "\n".join(lines)


def failed(output: Output) -> bool:
    """Whether a block did not run to its end."""
    return output.error is not None or output.outcome != "ok"
