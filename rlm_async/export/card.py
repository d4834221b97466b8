"""The data card: what the data is, how many, from whom, what was left out, and what each field means.

In the form that the Hugging Face hub and `datasets` read: Markdown behind a YAML head that names the files.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlm_async import __version__
from rlm_async.core.data import Data

MARK = "<!-- written by rlm-async export -->"
"""By which a card is known as ours, and may be written over."""
FILL_IN = "unknown"
"""The licence, where none was said: the hub's own word."""

_FORMATS = {
    "sft": "`prompt` and `completion` are messages; `mask` has a 1 for each message of both together that the model "
    "wrote and is to learn. Read by TRL's SFTTrainer; where completions hold further messages (a node's turns are "
    "joined), set `completion_only_loss=True` and `assistant_only_loss=True`: together they learn what `mask` says.",
    "tokens": "`input_ids` are tokens of one model's template, `assistant_masks` has a 1 for each that the model "
    "wrote, the one that ends its turn included. Read by TRL's SFTTrainer as it is.",
    "dpo": "`prompt`, `chosen`, `rejected` are messages: two answers to one prompt, with `score_chosen` and "
    "`score_rejected`, their rewards. Read by TRL's DPOTrainer.",
    "grpo": "`prompt` are messages, `answers` those to it, `rewards` what each was worth, `masks` which of "
    "its messages the model wrote. TRL's GRPOTrainer reads `prompt` and asks anew; offline trainers read all.",
    "openai": "`messages`; those of the assistant have `weight` 1 where they are learned and 0 where not. No further "
    "fields are allowed there: the lines of `info/*.jsonl` belong to them, one by one.",
    "sharegpt": "`conversations` of `from` and `value`; `train` says which are learned (a reader that does not know "
    "it learns all of `gpt`).",
}

_FIELDS = """\
- `info`: where a row comes from. `run`, `node` (its place: `root`, `0`, `0.2`), `depth`, `part` of `parts` (a node
  whose prompt was begun anew, by folding or a last turn, gives several), `turns`, `model` that wrote it, `strategy`,
  `status` of the node and `tree_status` of the run, `limit` that was hit, `question`, `context` (the digest of the
  run's input), `batch`, `item`.
- `rewards` (`costs` where `rewards` is a list): `reward`, weighed as said above; `score` of the task (null: unknown);
  `partial`; `usd`, `seconds`, `tokens`, `calls` of the node itself; `tree_…` of the whole run. Null is unknown.
- `nodes` (per tree): all samples of the run, with the same fields; the row itself is its root.
- A line `Left: …` in a prompt tells what was left to spend, as a replay of the run finds it. All else in a
  prompt was checked, by its key, against what was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a card tells."""

    form: str
    """A format's name, or `tokens`."""
    per: str
    joined: bool
    files: Mapping[str, str]
    """File by part."""
    counts: Mapping[str, Mapping[str, int]]
    """For each part: rows, runs, groups."""
    models: Counter[str]
    statuses: Counter[str]
    filters: str
    reward: str
    split: str
    left_out: Mapping[str, int]
    strayed: int
    license: str
    versions: Sequence[str]
    """Of rlm-async, that made the runs."""

    def written(self) -> str:
        """The card as text."""
        return "\n".join([*self._head(), "", MARK, "", *self._body()]) + "\n"

    def _head(self) -> list[str]:
        files = [f"  - split: {part}\n    path: {json.dumps(name)}" for part, name in self.files.items()]
        return [
            "---",
            f"license: {json.dumps(self.license or FILL_IN)}",
            "tags:\n- rlm-async\n- recursive-language-models",
            "configs:\n- config_name: default\n  data_files:",
            *files,
            "---",
        ]

    def _body(self) -> list[str]:
        licence = self.license or "**to be filled in**: who made the inputs, and what do the models' terms allow?"
        rows = [f"| {part} | {c['rows']:,} | {c['runs']:,} | {c['groups']:,} |" for part, c in self.counts.items()]
        left = [f"- {reason}: {count:,}" for reason, count in sorted(self.left_out.items())] or ["- nothing"]
        versions = ", ".join(self.versions) or "none"
        joined = "a node's turns joined where each prompt only adds to the one before" if self.joined else "by turn"
        return [
            "# Traces of recursive language models",
            "",
            f"Written by `rlm-async export` {__version__} from journaled runs (of versions {versions}):",
            f"format {self.form}, per {self.per}, {joined}.",
            "",
            "| part | rows | runs | groups |\n|---|---|---|---|",
            *rows,
            "",
            f"**Split**: {self.split}",
            "",
            f"**Filters**: {self.filters}. Left out:",
            "",
            *left,
            "",
            f"**Reward**: {self.reward}",
            "",
            f"**Written by**: {_counted(self.models)}. **Status of the runs**: {_counted(self.statuses)}.",
            "",
            f"**Replays** that came to another answer than their run: {self.strayed:,}.",
            "",
            f"**Licence**: {licence}",
            "",
            "**Contents**: inputs and replies as they were. Nobody has looked for personal data in them.",
            "",
            "## Fields",
            "",
            f"- {_FORMATS[self.form]}",
            _FIELDS,
        ]

    def fields(self) -> dict[str, Data]:
        """The same for programs."""
        return {
            "format": self.form,
            "per": self.per,
            "parts": {part: dict(counts) for part, counts in self.counts.items()},
            "files": dict(self.files),
            "models": dict(self.models),
            "left_out": dict(self.left_out),
            "strayed": self.strayed,
        }


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"
