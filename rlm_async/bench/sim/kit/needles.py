"""Finding the lines that speak of a key, and reading the numbers off them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rlm_async.bench.sim.plan import Plan

NEEDLE = r"magic numbers? for ([\w-]+) is: (\d+)"


def needle_lines(documents: Mapping[str, str], key: str) -> list[str]:
    """The lines in which a key stands."""
    return [line for text in documents.values() for line in text.splitlines() if key in line]


def needle_prompt(lines: Sequence[str], plan: Plan) -> str:
    """What one completion is asked about the lines that were found."""
    return "\n".join(lines) + "\n\n" + plan["question"]


def needle_numbers(lines: Sequence[str], key: str) -> list[str]:
    """The numbers that lines give for a key, in order."""
    return [number for line in lines for found, number in re.findall(NEEDLE, line) if found == key]
