"""What a sample was good for: the task's score, what it cost, and the one number that they are weighed into."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlm_async.core.data import Data
from rlm_async.errors import ConfigError
from rlm_async.export.tree import NodeStory, Tree

WEIGHED = ("score", "usd", "seconds", "tokens", "calls", "partial", "failed")
"""What a reward may be made of; all but the score are the whole run's."""
JUST_SCORE = {"score": 1.0}


@dataclass(frozen=True, slots=True)
class Weights:
    """Factors by name; a reward is the sum of the parts times these. The default is the score itself."""

    factors: Mapping[str, float] = field(default_factory=lambda: dict(JUST_SCORE))

    @classmethod
    def of(cls, pairs: Iterable[str]) -> Weights:
        """Read `usd=-0.1` and the like; the score counts 1 unless it is named. Raises ConfigError."""
        factors = dict(JUST_SCORE)
        for pair in pairs:
            name, _, text = pair.partition("=")
            try:
                factors[name.strip()] = float(text)
            except ValueError as error:
                raise ConfigError(f"--weigh {pair!r}: write it as usd=-0.1") from error
            if name.strip() not in WEIGHED:
                raise ConfigError(f"--weigh {pair!r}: what can be weighed is {', '.join(WEIGHED)}")
        return cls({name: factor for name, factor in factors.items() if factor})

    def reward(self, tree: Tree) -> float | None:
        """The reward of a tree; None where a part of it is unknown."""
        parts = parts_of(tree)
        total = 0.0
        for name, factor in self.factors.items():
            part = parts[name]
            if part is None:
                return None
            total += factor * part
        return total

    def __str__(self) -> str:
        """As a formula."""
        return " ".join(f"{factor:+g}·{name}" for name, factor in self.factors.items()).removeprefix("+") or "0"


def parts_of(tree: Tree) -> dict[str, float | None]:
    """What a reward can be made of."""
    record = tree.record
    return {
        "score": tree.score,
        "usd": tree.cost.usd,
        "seconds": tree.cost.seconds,
        "tokens": record.usage.tokens,
        "calls": record.usage.calls,
        "partial": float(record.status == "partial"),
        "failed": float(record.status == "failed"),
    }


def told(tree: Tree, node: NodeStory, weights: Weights) -> dict[str, Data]:
    """The rewards of a node: its tree's, and what it cost itself."""
    parts = parts_of(tree)
    return {
        "reward": weights.reward(tree),
        "score": tree.score,
        "partial": node.status == "partial",
        "usd": node.cost.usd,
        "seconds": node.cost.seconds,
        "tokens": node.cost.usage.tokens,
        "calls": node.cost.usage.calls,
        "tree_partial": tree.record.status == "partial",
        **{f"tree_{name}": parts[name] for name in ("usd", "seconds", "tokens", "calls")},
    }


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores by a run's name, or by the item of a batch that it answered."""

    by_run: Mapping[str, float]
    by_item: Mapping[str, float]

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Scores:
        """Read JSON lines with `score` and `run`, or `id` of an item; `bench run` writes such. Raises ConfigError."""
        by_run: dict[str, float] = {}
        by_item: dict[str, float] = {}
        for path in paths:
            for number, row in _lines(path):
                score = row.get("score")
                if isinstance(score, bool) or not isinstance(score, int | float):
                    raise ConfigError(f"{path}, line {number}: there is no number under 'score'")
                name, item = row.get("run"), row.get("id")
                if isinstance(name, str) and name:
                    by_run[name] = float(score)
                elif isinstance(item, str | int):
                    by_item[str(item)] = float(score)
        return cls(by_run, by_item)

    def of(self, run: str, item: str) -> float | None:
        """The score of a run, if it is known."""
        found = self.by_run.get(run)
        return found if found is not None or not item else self.by_item.get(item)


def _lines(path: Path) -> list[tuple[int, Mapping[str, Data]]]:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; name a file with scores") from error
    found: list[tuple[int, Mapping[str, Data]]] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                continue  # a line that was being written when its program was killed
            raise ConfigError(f"{path}, line {number} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise ConfigError(f"{path}, line {number}: one JSON object a line, with 'run' (or 'id') and 'score'")
        found.append((number, row))
    return found
