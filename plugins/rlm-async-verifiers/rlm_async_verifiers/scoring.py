"""How right an answer is, from 0 to 1, by the kind of its gold answer."""

from __future__ import annotations

import re

KINDS = ("exact", "number", "set")

_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")


def scored(kind: str, said: str, gold: str) -> float:
    """The score of what was said. A set is written one to a line, and scored by F1; numbers have to be equal."""
    if kind == "number":
        found = _NUMBER.search(said)
        return float(found is not None and float(found[0].replace(",", "")) == float(gold))
    if kind == "set":
        one, other = _members(said), _members(gold)
        return 1.0 if one == other else 2 * len(one & other) / (len(one) + len(other))
    return float(_plain(said) == _plain(gold))


def _plain(text: str) -> str:
    return " ".join(text.strip().strip(".\"'`*").lower().split())


def _members(text: str) -> frozenset[str]:
    return frozenset(plain for part in re.split(r"[\n;]|,\s", text) if (plain := _plain(part.lstrip("-* "))))
