"""Questions with known answers, and their division into those that are learned from and those that judge."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import get_args

from rlm_async.bench.score import Kind
from rlm_async.bench.windows import Task, window
from rlm_async.contexts import load
from rlm_async.core.context import Context
from rlm_async.errors import ConfigError

LEAST_CONTEXTS = 3
SHARES = (0.25, 0.3)
"""Of the contexts: those whose runs are learned from, those on which candidates are compared. The rest judges."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A question about a context, and its right answer; `kind` says how answers are compared, as in `bench.score`."""

    question: str
    context: Context = field(repr=False)
    gold: str
    kind: Kind = "exact"

    @property
    def key(self) -> str:
        """Its name, which no other item has."""
        return f"{self.context.digest}/{self.question}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Three parts that share no context: `source` is learned from, `selection` compares, `held_out` judges once."""

    source: tuple[Scored, ...]
    selection: tuple[Scored, ...]
    held_out: tuple[Scored, ...]

    def __post_init__(self) -> None:
        """Refuse parts that share a context: what is learned would be tried on what it was learned from."""
        parts = [contexts(part) for part in (self.source, self.selection, self.held_out)]
        if not all(parts):
            raise ConfigError("each part of the items needs a context of its own; give more items")
        if sum(map(len, parts)) != len(set().union(*parts)):
            raise ConfigError("a context stands in two parts of the items: nothing may be learned from what judges")


def contexts(items: Iterable[Scored]) -> list[str]:
    """The digests of the contexts, each once, in order."""
    return list(dict.fromkeys(item.context.digest for item in items))


def split(items: Sequence[Scored], seed: int, shares: tuple[float, float] = SHARES) -> Split:
    """Divide items by the digests of their contexts. Raises ConfigError for fewer than three contexts."""
    digests = contexts(items)
    if len(digests) < LEAST_CONTEXTS:
        raise ConfigError(
            f"the items are about {len(digests)} different contexts; learning takes {LEAST_CONTEXTS} at the least "
            "(one to learn from, one to choose by, one to judge), and some twenty to be sure of anything"
        )
    Random(f"{seed}/split").shuffle(digests)  # noqa: S311 - the same division for the same seed
    first = max(1, round(len(digests) * shares[0]))
    second = max(1, min(round(len(digests) * shares[1]), len(digests) - first - 1))
    parts = (digests[:first], digests[first : first + second], digests[first + second :])
    of = [tuple(item for digest in part for item in items if item.context.digest == digest) for part in parts]
    return Split(source=of[0], selection=of[1], held_out=of[2])


def of_task(task: Task, size: int, windows: int, seed: int) -> list[Scored]:
    """The questions of so many windows of a benchmark's task."""
    made = [window(task, size, seed * 1_000 + number) for number in range(windows)]
    return [Scored(one.text, each.context, one.gold, one.kind) for each in made for one in each.questions]


def read_items(path: Path) -> list[Scored]:
    """Items of one JSON object a line: `question`, `expected`, `context` or `paths`, and perhaps `kind`.

    Raises ConfigError, which names the line.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the items {path}: {error}") from error
    loaded: dict[tuple[str, ...], Context] = {}
    return [_item(line, f"{path}, line {number}", loaded) for number, line in enumerate(lines, 1) if line.strip()]


def _item(line: str, source: str, loaded: dict[tuple[str, ...], Context]) -> Scored:
    try:
        made = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"{source} is not JSON: {error}") from error
    if not isinstance(made, Mapping):
        raise ConfigError(f"{source} is no JSON object")
    question, gold, kind = made.get("question"), made.get("expected"), made.get("kind", "exact")
    if not isinstance(question, str) or not question.strip() or not isinstance(gold, str | int | float):
        raise ConfigError(f"{source} needs `question`, a text, and `expected`, a text or a number")
    if kind not in get_args(Kind):
        raise ConfigError(f"{source}: kind {kind!r} is none of {', '.join(get_args(Kind))}")
    return Scored(question, _context(made, source, loaded), str(gold), kind)


def _context(made: Mapping[str, object], source: str, loaded: dict[tuple[str, ...], Context]) -> Context:
    given, paths = made.get("context"), made.get("paths")
    if isinstance(given, str | list | dict) and given:
        return Context.of(given)
    if not isinstance(paths, list) or not paths:
        raise ConfigError(f"{source} needs `context`, a text, or `paths`, a list of files")
    names = tuple(str(name) for name in paths)
    if names not in loaded:
        loaded[names] = load([Path(name) for name in names])
    return loaded[names]
