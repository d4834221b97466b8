"""Worked examples for small models, which cannot write a root program from a description alone.

With instructions only, models of 0.5 and 1.5 billion parameters wrote none of ten working roots; with
three worked examples the larger one wrote six (design: local-model).
"""

from __future__ import annotations

from collections.abc import Sequence

from rlm_async.core.profile import Demonstration

LOOKUP = """\
Question: Which port does the gateway listen on?
```repl
passages = [found["text"] for found in search("gateway listen port", 4)]
prompts = [text + "\\n\\nWhich port does the gateway listen on? Reply with the number, or NONE." for text in passages]
replies = llm_query_batched(prompts)
print(replies)
found = [r.strip() for r in replies if "NONE" not in r]
if found:
    FINAL(found[0])
```"""

COUNTING = """\
Question: How many messages are complaints?
```repl
lines = [line for line in context.splitlines() if line.strip()]
prompts = [line + "\\n\\nIs this message a complaint? Reply yes or no." for line in lines]
replies = llm_query_batched(prompts)
FINAL(str(sum(r.strip().lower().startswith("yes") for r in replies)))
```"""

COUNTING_BY_CODE = """\
Question: How many lines mention an error?
```repl
lines = [line for line in context.splitlines() if "error" in line.lower()]
print(lines[:5])
FINAL(str(len(lines)))
```"""

LOOKING = """\
Question: What is the text about?
```repl
print(len(context))
print(peek(800))
```"""


def examples(levels: int) -> str:
    """The examples for a node with this many levels of sub-calls below it."""
    chosen = (LOOKUP, COUNTING, LOOKING) if levels else (COUNTING_BY_CODE, LOOKING)
    return "\n\n".join(chosen)


ASKING = ("llm_query", "rlm_query")
"""Code that names one of these is no example for a node that may not ask."""


def demonstrations(given: Sequence[Demonstration], levels: int) -> list[str]:
    """A profile's own examples, as they are shown to a node with this many levels of sub-calls below it."""
    fitting = [one for one in given if levels or not any(name in cell for cell in one.cells for name in ASKING)]
    return ["\n".join([f"Question: {one.question}", *map(_fenced, one.cells)]) for one in fitting]


def _fenced(cell: str) -> str:
    return f"```repl\n{cell}\n```"
