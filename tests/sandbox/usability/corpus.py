"""The usability corpus: cells as models write them, the contexts they run over, and a model that always answers alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CELLS = HERE / "cells"
EXPECTED = HERE / "expected"

TEXT = """\
=== Report 1 ===
Date: 2024-01-15
Author: Alice Johnson
Status: open
Total: $1,250.00

The quick brown fox jumps over the lazy dog. Revenue grew by 12% in Q1, while costs fell by 3.5%.
Contact: alice.johnson@example.com, +1-555-0100.

=== Report 2 ===
Date: 2024-03-02
Author: Bob Smith
Status: closed
Total: $830.50

The server was down for 4 hours. Root cause: a misconfigured load balancer. See https://example.com/incidents/42.
Contact: bob@example.org, +1-555-0199.

=== Report 3 ===
Date: 2023-11-30
Author: Carla Gómez
Status: open
Total: $99.99

Naïve estimates put the cost at 2,000 €. The café's renovation is due on 2024-06-01. The secret code is 7431-XK.

[2024-01-01 10:00:01] INFO  user=anna action=login
[2024-01-01 10:00:05] ERROR user=ben action=upload msg="disk full"
[2024-01-01 10:01:15] INFO  user=anna action=logout
[2024-01-02 09:30:00] WARN  user=cleo action=login
[2024-01-02 09:31:30] ERROR user=ben action=upload msg="timeout"

id,name,score,city
1,Ann,90,Oslo
2,Ben,72,Bergen
3,Cleo,85,Oslo
4,Dan,64,Tromsø
5,Eve,90,Bergen
"""

LIST = [
    "Question: What is the capital of France? || Label: location",
    "Question: Who wrote Hamlet? || Label: person",
    "Question: How many legs has a spider? || Label: number",
    "Question: Who painted the Mona Lisa? || Label: person",
    "Question: Where is Mount Everest? || Label: location",
    "Question: When did World War II end? || Label: number",
]

DICT = {
    "contract.txt": "This Agreement is made on 5 May 2021 between Acme Corp and Beta LLC.\n\nTerm: 24 months.\nGoverning law: Norway.",
    "notes.md": "# Notes\n\n- call Acme\n- renew Beta\n\nAcme pays 1000 EUR per month.",
    "data.json": '{"items": [{"sku": "A1", "qty": 3, "price": 9.5}, {"sku": "B2", "qty": 1, "price": 20}], "currency": "EUR"}',
    "empty.txt": "",
}

CONTEXTS = {"text": TEXT, "list": LIST, "dict": DICT}


def answer(prompt: str) -> str:
    """What the corpus' model says: the same to the same prompt, in the form that the prompt asks for."""
    low = prompt.lower()
    if "fail" in low:
        raise RuntimeError("the model failed")
    if "json" in low:
        return json.dumps({"label": "even" if len(prompt) % 2 == 0 else "odd", "length": len(prompt)})
    if "how many" in low or "number" in low:
        return f" {len(prompt) % 10} "
    if "yes or no" in low:
        return "Yes." if len(prompt) % 3 else "No."
    return f"Answer to {len(prompt)} characters: {prompt[:30]!r}"


@dataclass(frozen=True)
class Snippet:
    """One notebook: a name and its cells, over one of the contexts."""

    theme: str
    name: str
    context: str
    cells: tuple[str, ...]


def snippets(theme: str | None = None) -> list[Snippet]:
    """All of them, or those of one file. `# %% name` begins one, `# ---` its next cell, `# context: list` its context."""
    found = []
    for path in sorted(CELLS.glob("*.py")):
        if theme not in {None, path.stem}:
            continue
        for part in path.read_text(encoding="utf-8").split("\n# %% ")[1:]:
            name, _, body = part.partition("\n")
            context = "text"
            if body.startswith("# context: "):
                line, _, body = body.partition("\n")
                context = line.removeprefix("# context: ").strip()
            cells = tuple(cell.strip("\n") for cell in body.split("\n# ---\n"))
            found.append(Snippet(path.stem, name.strip(), context, cells))
    return found


def themes() -> list[str]:
    """The files' names."""
    return sorted(path.stem for path in CELLS.glob("*.py"))


def expected(theme: str) -> dict[str, dict[str, object]]:
    """What plain CPython printed: name -> `stdout` and `error`."""
    return json.loads((EXPECTED / f"{theme}.json").read_text(encoding="utf-8"))
