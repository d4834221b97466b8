"""A profile's advice and rules handed to GEPA, which has a model reflect on runs and keeps what is better somewhere.

GEPA (Agrawal et al., GEPA: Reflective Prompt Evolution, arXiv 2507.19457) sees a profile as two texts, `advice` and
`rules`, and what it makes of them comes back as a candidate like those of our own search: judged on the same items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlm_async.errors import ConfigError
from rlm_async.learning.items import Scored, Split
from rlm_async.learning.reflection import Say, rules_in
from rlm_async.learning.rolling import Rolled
from rlm_async.learning.search import Candidate
from rlm_async.learning.transcripts import outcome, told

if TYPE_CHECKING:
    from gepa import EvaluationBatch

Parts = dict[str, str]
Roll = Callable[[Candidate, Sequence[Scored]], list[Rolled]]
NO_ADVICE = "(none yet)"


@dataclass(frozen=True, slots=True)
class Optimiser:
    """What GEPA calls an adapter. `most` is how many runs it may make; `say` is the model that reflects."""

    roll: Roll
    say: Say
    most: int
    seed: int = 0
    propose_new_texts: None = None
    """GEPA's own proposals are used."""

    def best(self, parts: Split, start: Candidate) -> Candidate:
        """The best candidate that it finds: reflecting on `source`, comparing on `selection`. Raises ConfigError."""
        try:
            import gepa  # noqa: PLC0415 - the extra `learn`
        except ImportError as error:
            raise ConfigError("GEPA is not installed: pip install 'rlm-async[learn]'") from error
        found = gepa.optimize(
            seed_candidate=_texts(start),
            trainset=list(parts.source),
            valset=list(parts.selection),
            adapter=self,
            reflection_lm=self._reply,
            max_metric_calls=self.most,
            logger=_Silence(),
            seed=self.seed,
        )
        best = found.best_candidate
        return start if isinstance(best, str) else candidate_of(best, start)

    def evaluate(
        self,
        batch: Sequence[Scored],
        candidate: Parts,
        capture_traces: bool = False,  # noqa: FBT001, FBT002 - GEPA's own signature
    ) -> EvaluationBatch[Rolled, str]:
        """Run a batch of items with a candidate; part of GEPA's protocol."""
        from gepa import EvaluationBatch  # noqa: PLC0415 - the extra `learn`

        rolled = self.roll(candidate_of(candidate, Candidate()), batch)
        return EvaluationBatch(
            outputs=[one.answer.text for one in rolled],
            scores=[one.score for one in rolled],
            trajectories=rolled if capture_traces else None,
        )

    def make_reflective_dataset(
        self, candidate: Parts, eval_batch: EvaluationBatch[Rolled, str], components_to_update: Sequence[str]
    ) -> Mapping[str, Sequence[Mapping[str, str]]]:
        """What the reflecting model is shown of runs; part of GEPA's protocol."""
        del candidate
        shown = [
            {"Inputs": one.item.question, "Generated Outputs": told(one), "Feedback": outcome(one)}
            for one in eval_batch.trajectories or ()
        ]
        return dict.fromkeys(components_to_update, shown)

    def _reply(self, prompt: str | list[dict[str, str]]) -> str:
        return self.say(prompt if isinstance(prompt, str) else "\n\n".join(part["content"] for part in prompt))


def candidate_of(texts: Mapping[str, str], start: Candidate) -> Candidate:
    """The candidate of GEPA's texts; demonstrations stay as they were. Rules that are no list are advice."""
    rules = rules_in(texts.get("rules", ""))
    loose = "" if rules else texts.get("rules", "")
    advice = "\n".join(part.strip() for part in (texts.get("advice", ""), loose) if part.strip() not in {"", NO_ADVICE})
    return Candidate(rules=rules, demonstrations=start.demonstrations, advice=advice)


def _texts(start: Candidate) -> Parts:
    rules = "\n".join(f"- {rule}" for rule in start.rules)
    return {"advice": start.advice or NO_ADVICE, "rules": rules or NO_ADVICE}


class _Silence:
    """Takes GEPA's own log: standard output belongs to the caller."""

    def log(self, message: str) -> None:
        """Say nothing."""
        del message
