"""The dialects by the name of the model that is asked for: each framework is told programs as it wants them."""

from __future__ import annotations

from benchmarks.peers.plays import OURS, Dialect

DIALECTS: dict[str, Dialect] = {"m": OURS}


def dialect_of(model: str) -> Dialect:
    """The dialect of a model's name, with or without a provider before it; ours where it is not known."""
    return DIALECTS.get(model.rpartition("/")[2], OURS)
