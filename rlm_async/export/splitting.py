"""Train, validation, test: drawn by groups of runs that share anything a model could remember."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rlm_async.core.context import Context
from rlm_async.errors import ConfigError
from rlm_async.export.samples import Sample, key_of
from rlm_async.export.tree import Tree

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
DOCUMENT_CHARACTERS = 200
"""Shorter documents (`yes`, a label) are no text that a model would know again."""


@dataclass(frozen=True, slots=True)
class Split:
    """The shares of the parts, and the seed they are drawn by."""

    shares: tuple[float, float, float] = (1.0, 0.0, 0.0)
    seed: int = 0

    @classmethod
    def of(cls, text: str | None, seed: int) -> Split:
        """Read `0.9/0.05/0.05`; a third share may be left out. Raises ConfigError."""
        if not text:
            return cls(seed=seed)
        try:
            shares = [float(word) for word in text.split("/")]
        except ValueError:
            shares = []
        shares += [0.0] * (3 - len(shares))
        if len(shares) != len(PARTS) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6 or not shares[0]:  # noqa: PLR2004 - rounding
            raise ConfigError(
                f"--split {text!r}: write shares of train/validation/test that add up to 1, 0.9/0.05/0.05"
            )
        return cls((shares[0], shares[1], shares[2]), seed)

    @property
    def whole(self) -> bool:
        """Whether all is one part."""
        return self.shares[1:] == (0.0, 0.0)

    def drawn(self, groups: Mapping[str, int]) -> dict[str, Part]:
        """A part for each group, of which the sizes are given; the same for the same groups and seed.

        In an order drawn by the seed each group goes where most is missing. No part that is wanted stays empty
        where there are as many groups.
        """
        order = sorted(groups, key=lambda name: hashlib.blake2b(f"{self.seed}\0{name}".encode()).digest())
        wanted = [part for part, share in zip(PARTS, self.shares, strict=True) if share]
        share = dict(zip(PARTS, self.shares, strict=True))
        total = sum(groups.values()) or 1
        sizes = dict.fromkeys(wanted, 0)
        found: dict[str, Part] = {}
        for name in order:
            part = max(wanted, key=lambda part: share[part] - sizes[part] / total)
            found[name] = part
            sizes[part] += groups[name]
        return _filled(found, wanted, groups)


def _filled(found: dict[str, Part], wanted: Sequence[Part], groups: Mapping[str, int]) -> dict[str, Part]:
    """Give a part that got nothing the smallest group of one that has several."""
    for part in wanted:
        if part in found.values() or len(groups) < len(wanted):
            continue
        members = list(found.values())
        spare = [name for name, own in found.items() if members.count(own) > 1]
        found[min(spare, key=lambda name: (groups[name], name))] = part
    return found


def groups(trees: Sequence[Tree], found: Iterable[Sample]) -> dict[str, str]:
    """The group of each run, by its name. Runs are in one group where they share the context, a document of some
    length, the question where there is no context, or the prompt of any sample; also by way of others.
    """  # noqa: D205 - one sentence says it
    sets = _Sets()
    for tree in trees:
        for mark in tree.marks:
            sets.join(_run(tree), mark)
    for sample in found:
        sets.join(_run(sample.tree), f"prompt {key_of(sample.prompt)}")
    return {tree.record.run: sets.first(_run(tree)) for tree in trees}


def _run(tree: Tree) -> str:
    """Sorts behind all other marks: a group is named by what it shares, not by when it ran."""
    return f"run {tree.record.run}"


def marks(question: str, context: Context) -> tuple[str, ...]:
    """What a run may share with others: its input, or its question where it has none, and its longer documents."""
    documents = context.documents
    whole = any(document.text for document in documents)
    first = f"context {context.digest}" if whole else f"question {_digest(question)}"
    long = (document.text for document in documents if len(document.text) >= DOCUMENT_CHARACTERS)
    return (first, *(f"document {_digest(text)}" for text in long))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class _Sets:
    """Disjoint sets (Galler and Fischer, 1964); a set's name is its least mark, so that order does not matter."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def first(self, name: str) -> str:
        self._above.setdefault(name, name)
        while self._above[name] != name:
            self._above[name] = self._above[self._above[name]]
            name = self._above[name]
        return name

    def join(self, one: str, other: str) -> None:
        low, high = sorted((self.first(one), self.first(other)))
        self._above[high] = low
