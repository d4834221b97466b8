"""Which runs and samples are taken, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rlm_async.export.rewards import Weights
from rlm_async.export.samples import Sample
from rlm_async.export.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Filters; None and empty let everything through. `usd` and `seconds` are of a whole run."""

    statuses: tuple[str, ...] = ("complete", "partial")
    min_score: float | None = None
    max_usd: float | None = None
    max_seconds: float | None = None
    models: tuple[str, ...] = ()
    max_depth: int | None = None

    def refusal(self, tree: Tree) -> str:
        """Why a run is left out; empty where it is taken."""
        record = tree.record
        if record.status not in self.statuses:
            return f"status {record.status}"
        if self.min_score is not None and (tree.score is None or tree.score < self.min_score):
            return "score unknown" if tree.score is None else f"score below {self.min_score:g}"
        if self.max_usd is not None and (tree.cost.usd is None or tree.cost.usd > self.max_usd):
            return "price unknown" if tree.cost.usd is None else f"above ${self.max_usd:g}"
        if self.max_seconds is not None and (tree.cost.seconds is None or tree.cost.seconds > self.max_seconds):
            return f"above {self.max_seconds:g} s"
        return ""

    def omission(self, sample: Sample) -> str:
        """Why a sample of a run that is taken is left out."""
        if sample.node.status not in self.statuses:
            return f"node {sample.node.status}"
        if self.max_depth is not None and sample.node.depth > self.max_depth:
            return f"deeper than {self.max_depth}"
        if self.models and sample.model not in self.models:
            return "another model"
        if any(not turn.known for turn in sample.turns):
            return "its prompt came out other in the replay"
        if not sample.learnable:
            return "replies cut short or empty"
        return ""

    def __str__(self) -> str:
        """In words, for the data card."""
        said = [f"status {' or '.join(self.statuses)}"]
        said += [f"score at least {self.min_score:g}"] if self.min_score is not None else []
        said += [f"at most ${self.max_usd:g} a run"] if self.max_usd is not None else []
        said += [f"at most {self.max_seconds:g} s a run"] if self.max_seconds is not None else []
        said += [f"written by {' or '.join(self.models)}"] if self.models else []
        said += [f"depth at most {self.max_depth}"] if self.max_depth is not None else []
        return ", ".join(said)


@dataclass(slots=True)
class Tally:
    """What was left out, by reason."""

    runs: Counter[str] = field(default_factory=Counter)
    samples: Counter[str] = field(default_factory=Counter)

    def kept(self, wanted: Wanted, found: Iterable[Sample]) -> list[Sample]:
        """Those samples that are wanted; the others are counted."""
        kept = []
        for sample in found:
            reason = wanted.omission(sample)
            if reason:
                self.samples[reason] += 1
            else:
                kept.append(sample)
        return kept

    def once(self, found: Iterable[Sample], weights: Weights) -> list[Sample]:
        """Of samples that are equal in prompt and reply the one with the best reward, in its place."""
        best: dict[tuple[str, str], Sample] = {}
        for sample in found:
            key = (sample.prompt_key, sample.written)
            known = best.get(key)
            self.samples["equal to another"] += known is not None
            if known is None or (weights.reward(sample.tree) or 0.0) > (weights.reward(known.tree) or 0.0):
                best[key] = sample
        self.samples += Counter()  # without zeros
        return list(best.values())
