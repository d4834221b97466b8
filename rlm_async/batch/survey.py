"""One look through all items before anything is asked: how many, how long, and whether they are those of last time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rlm_async.batch.results import Kept
from rlm_async.core.items import Item
from rlm_async.errors import ConfigError

_FOLDER = 1_000_000
"""Bytes that a folder named by an item is taken for: to know would be to read it."""


@dataclass(slots=True)
class Survey:
    """What a batch consists of. Sizes are characters (of files: bytes) of what an item is about by itself."""

    items: int = 0
    faults: int = 0
    done: int = 0
    questions: int = 0
    """Characters of all questions that are left to ask."""
    sizes: dict[int, int] = field(default_factory=dict)
    """How many items that are left have a text of about this size; the key is rounded up to a power of two."""
    shared: int = 0
    """How many of those left have no text of their own."""
    paths: int = 0

    @property
    def left(self) -> int:
        """Items to be asked."""
        return self.items - self.done - self.faults


def surveyed(items: Iterable[Item], kept: Mapping[str, Kept], where: str) -> Survey:
    """Look through `items`; raises ConfigError for ids that are not distinct, or results of other questions."""
    survey = Survey()
    seen: set[int] = set()
    for item in items:
        survey.items += 1
        mark = hash(item.id)
        if mark in seen:
            raise ConfigError(f"item {survey.items} has the id {item.id!r}, which another has; ids must differ")
        seen.add(mark)
        known = kept.get(item.id)
        if known is not None:
            _same(item, known, where)
            survey.done += 1
        elif item.fault:
            survey.faults += 1
        else:
            _measure(item, survey)
    return survey


def _same(item: Item, known: Kept, where: str) -> None:
    if known.key and not item.fault and known.key != item.key:
        raise ConfigError(
            f"{where} holds an answer to another question for item {item.id!r}: name another file with -o, "
            "or start anew with --overwrite"
        )


def _measure(item: Item, survey: Survey) -> None:
    survey.questions += len(item.question)
    if item.context is None and not item.paths:
        survey.shared += 1
        return
    size = 0 if item.context is None else item.context.characters
    for path in item.paths if item.context is None else ():
        survey.paths += 1
        try:
            size += _FOLDER if os.path.isdir(path) else os.path.getsize(path)  # noqa: PTH112, PTH202 - a hundred thousand times
        except OSError:
            continue  # the item will say so
    rounded = 1 << max(size - 1, 0).bit_length()
    survey.sizes[rounded] = survey.sizes.get(rounded, 0) + 1
