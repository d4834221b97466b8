"""`rlm-async doctor`: what is configured, what works, and what to do about what does not."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from itertools import chain

from rlm_async.cli import findings
from rlm_async.cli.findings import Finding
from rlm_async.cli.streams import write
from rlm_async.cli.text import as_json as json_line
from rlm_async.cli.text import one_line

_SIGNS = {"ok": "ok  ", "note": "note", "problem": "FAIL"}
_LONGEST = 1_000


def examined(api_base: str | None, api_key: str | None, *, as_json: bool) -> int:
    """Look at everything, print it, and return 0 where the default way works, else 1."""
    found = list(
        chain(
            findings.python(),
            findings.extras(),
            findings.model(os.environ),
            findings.walls(),
            findings.keys(os.environ),
            findings.endpoint(api_base, api_key, os.environ),
            findings.terminal(sys.stderr),
        )
    )
    problems = [finding for finding in found if finding.state == "problem"]
    if as_json:
        told = {"ok": not problems, "findings": [asdict(finding) for finding in found]}
        write(f"{json_line(told)}\n", sys.stdout)
    else:
        write("\n".join((*map(line, found), verdict(problems), "")), sys.stdout)
    return 1 if problems else 0


def line(finding: Finding) -> str:
    """A finding for a person."""
    text = f"{_SIGNS[finding.state]}  {finding.topic}: {one_line(finding.line, _LONGEST)}"
    return f"{text}\n      fix: {one_line(finding.fix, _LONGEST)}" if finding.fix else text


def verdict(problems: list[Finding]) -> str:
    """The last line."""
    if not problems:
        return "The default way works: rlm-async ask 'your question' FILE …"
    few = "1 problem stands" if len(problems) == 1 else f"{len(problems)} problems stand"
    return f"{few} in the way of the default; each FAIL says how to mend it."
