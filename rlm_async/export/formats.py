"""Rows of each format, as its readers read them: TRL, OpenAI's fine-tuning, ShareGPT's readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rlm_async.core.data import Data
from rlm_async.core.messages import Message
from rlm_async.export.rewards import Weights, told
from rlm_async.export.samples import Said, Sample
from rlm_async.export.tree import Tree

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}
"""ShareGPT's words for roles."""

Fields = dict[str, Data]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file. `run` decides its split; `info` goes beside it, where readers allow no more fields."""

    run: str
    fields: Fields
    info: Fields


@dataclass(frozen=True, slots=True)
class Shaping:
    """What rows need beside samples: by how much a chosen reply must be better, how many replies make a group."""

    weights: Weights
    gap: float = 0.0
    least: int = 1


Format = Callable[[Sequence[Sample], Shaping], Iterator[Row]]


def sft(samples: Sequence[Sample], shaping: Shaping) -> Iterator[Row]:
    """`prompt` and `completion` in messages, with `mask`: 1 for each message of both together that is learned.

    TRL reads this; where a completion holds messages that the model did not write, `completion_only_loss` and
    `assistant_only_loss` together learn exactly what `mask` says.
    """
    for sample in samples:
        fields: Fields = {
            "prompt": messages(sample.prompt),
            "completion": messages(_after(sample)),
            "mask": mask(sample),
        }
        yield _row(sample, shaping, fields)


def openai(samples: Sequence[Sample], shaping: Shaping) -> Iterator[Row]:
    """`messages`, of which those of the assistant have `weight` 1 where they are learned and 0 where not."""
    for sample in samples:
        spoken: list[Data] = []
        for said in _all(sample):
            weight: Fields = {"weight": int(said.written)} if said.message.role == "assistant" else {}
            spoken.append({**_message(said.message), **weight})
        yield _bare(sample, shaping, {"messages": spoken})


def sharegpt(samples: Sequence[Sample], shaping: Shaping) -> Iterator[Row]:
    """`conversations` of `from` and `value`; `train` says which are learned."""
    for sample in samples:
        turns: list[Data] = [
            {"from": SPEAKERS[said.message.role], "value": said.message.text, "train": said.written}
            for said in _all(sample)
        ]
        yield _row(sample, shaping, {"conversations": turns})


def dpo(samples: Sequence[Sample], shaping: Shaping) -> Iterator[Row]:
    """`prompt`, `chosen`, `rejected`: of the answers to one prompt the best, and each that is more than `gap` worse."""
    for group in _groups(samples):
        known = [(reward, sample) for sample in group if (reward := shaping.weights.reward(sample.tree)) is not None]
        if not known:
            continue
        high, best = max(known, key=lambda pair: pair[0])
        for low, worse in known:
            if high - low > shaping.gap and worse.written != best.written:
                fields: Fields = {
                    "prompt": messages(best.prompt),
                    "chosen": messages(_after(best)),
                    "rejected": messages(_after(worse)),
                    "score_chosen": high,
                    "score_rejected": low,
                    "rejected_id": worse.id,
                }
                yield _row(best, shaping, fields)


def grpo(samples: Sequence[Sample], shaping: Shaping) -> Iterator[Row]:
    """`prompt`, its `answers` and their `rewards`: all answers to one prompt whose reward is known.

    TRL hands further columns to reward functions by their names, and `completions` is a name of its own there.
    """
    for group in _groups(samples):
        known = [(reward, sample) for sample in group if (reward := shaping.weights.reward(sample.tree)) is not None]
        if len(known) < max(1, shaping.least):
            continue
        fields: Fields = {
            "prompt": messages(known[0][1].prompt),
            "answers": [messages(_after(sample)) for _, sample in known],
            "masks": [[int(said.written) for said in sample.said] for _, sample in known],
            "rewards": [reward for reward, _ in known],
            "ids": [sample.id for _, sample in known],
        }
        yield _row(known[0][1], shaping, fields)


FORMATS: Mapping[str, Format] = {"sft": sft, "dpo": dpo, "grpo": grpo, "openai": openai, "sharegpt": sharegpt}
COMPARED = frozenset({"dpo", "grpo"})
"""Formats that set the answers to one prompt side by side: there each turn is a sample, unless told otherwise."""


def nested(row: Row, tree: Tree, samples: Sequence[Sample], weights: Weights) -> Row:
    """A row of a tree's root with all samples of the tree in `nodes`; in `info` where no further field is allowed."""
    nodes: list[Data] = [
        {
            **about(sample),
            "prompt": messages(sample.prompt),
            "completion": messages(_after(sample)),
            "mask": mask(sample),
            "rewards": told(tree, sample.node, weights),
        }
        for sample in samples
    ]
    if row.info:
        return replace(row, info={**row.info, "nodes": nodes})
    return replace(row, fields={**row.fields, "nodes": nodes})


def messages(spoken: Sequence[Message]) -> list[Data]:
    """Messages as readers take them."""
    return [_message(message) for message in spoken]


def mask(sample: Sample) -> list[Data]:
    """1 for each message of prompt and completion that is learned, else 0."""
    return [int(said.written) for said in _all(sample)]


def about(sample: Sample) -> Fields:
    """Where a sample comes from."""
    record, node = sample.tree.record, sample.node
    return {
        "id": sample.id,
        "run": record.run,
        "node": node.name,
        "parent": None if not node.path else ".".join(map(str, node.path[:-1])) or "root",
        "depth": node.depth,
        "part": sample.part,
        "parts": sample.parts,
        "turns": len(sample.turns),
        "model": sample.model,
        "strategy": node.strategy,
        "status": node.status,
        "limit": node.limit,
        "tree_status": record.status,
        "question": record.question,
        "context": record.context.digest,
        "batch": record.batch,
        "item": record.item,
    }


def _row(sample: Sample, shaping: Shaping, fields: Fields) -> Row:
    info: Fields = {"info": about(sample), "rewards" if "rewards" not in fields else "costs": _told(sample, shaping)}
    return Row(sample.tree.record.run, {**fields, **info}, {})


def _bare(sample: Sample, shaping: Shaping, fields: Fields) -> Row:
    """A row without further fields, which its reader would refuse; they go into a file beside it."""
    return Row(sample.tree.record.run, fields, {"info": about(sample), "rewards": _told(sample, shaping)})


def _told(sample: Sample, shaping: Shaping) -> Fields:
    return told(sample.tree, sample.node, shaping.weights)


def _groups(samples: Sequence[Sample]) -> list[list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.prompt_key, []).append(sample)
    return list(found.values())


def _after(sample: Sample) -> list[Message]:
    return [said.message for said in sample.said]


def _all(sample: Sample) -> list[Said]:
    return [*(Said(message, written=False) for message in sample.prompt), *sample.said]


def _message(message: Message) -> Fields:
    return {"role": message.role, "content": message.text}
