"""Reads exports as trainers do: `datasets.load_dataset`, then the preparation that TRL's trainers make themselves.

    OWN/bin/python benchmarks/export_readers.py FOLDER [--gguf FILE]

For an environment with datasets, trl, torch and gguf (6 GB), which rlm-async does not need. FOLDER is what
`python -m benchmarks.export FOLDER` has left. The model is a random one of 100,000 weights: what is looked at is
what TRL makes of the data. The tokenizer comes from the weights of the local model, by transformers' own reader.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import datasets
import torch
import transformers
import trl

GENERATION = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{{ '\n' }}{% else %}{{ message['content'] + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""The local model's template, with the marks by which transformers knows what an assistant wrote."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    default = Path.home() / ".cache/rlm-async/models/SmolLM2-135M-Instruct.Q4_1.gguf"
    parser.add_argument("--gguf", type=Path, default=default)
    asked = parser.parse_args()
    datasets.disable_progress_bars()
    transformers.utils.logging.set_verbosity_error()
    tokenizer = transformers.AutoTokenizer.from_pretrained(asked.gguf.parent, gguf_file=asked.gguf.name)
    tokenizer.chat_template = GENERATION
    tokenizer.pad_token = tokenizer.eos_token
    cache = tempfile.TemporaryDirectory()  # a cache of one's own: it is known by a folder's last name
    loaded = {
        path.parent.name: datasets.load_dataset(str(path.parent), cache_dir=cache.name)
        for path in asked.folder.glob("*/README.md")
    }
    counts: dict[str, object] = {
        name: {part: len(rows) for part, rows in parts.items()} for name, parts in sorted(loaded.items())
    }
    for parts in loaded.values():
        disjoint(parts)
    with tempfile.TemporaryDirectory() as place:
        counts["sft by tokens"] = sft_tokens(loaded["tokens"], tokenizer, place)
        counts["sft by messages"] = sft_messages(loaded["sft"], loaded["tokens"], tokenizer, place)
        counts["dpo"] = dpo(loaded["dpo"], tokenizer, place)
        counts["grpo"] = grpo(loaded["grpo"], tokenizer, place)
    versions = {module.__name__: module.__version__ for module in (datasets, trl, transformers, torch)}
    print(json.dumps({"versions": versions, **counts}, indent=1))


def disjoint(parts: datasets.DatasetDict) -> None:
    """No input is in two parts."""
    if "info" not in next(iter(parts.values())).column_names:
        return
    inputs = [{info["context"] for info in rows["info"]} for rows in parts.values()]
    assert sum(map(len, inputs)) == len(set().union(*inputs)), "an input is in two parts"


def tiny(tokenizer: transformers.PreTrainedTokenizerBase, place: str) -> transformers.PreTrainedModel:
    """A random model that is also on the disk, where trainers look for a second one like it."""
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=2,
        intermediate_size=4,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=16_384,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(place)
    return transformers.AutoModelForCausalLM.from_pretrained(place)


def common(place: str) -> dict[str, object]:
    return {
        "output_dir": place,
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "max_steps": 1,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "save_strategy": "no",
        "disable_tqdm": True,
        "gradient_checkpointing": False,
    }


def sft_tokens(parts: datasets.DatasetDict, tokenizer: transformers.PreTrainedTokenizerBase, place: str) -> dict:
    """TRL takes `input_ids` and `assistant_masks` as they are: its labels are the marked tokens and nothing else."""
    train = parts["train"]
    config = trl.SFTConfig(**common(place), max_length=None, shuffle_dataset=False)
    trainer = trl.SFTTrainer(tiny(tokenizer, place), config, train_dataset=train, processing_class=tokenizer)
    made = trainer.train_dataset
    for row, given in zip(made, train, strict=True):
        wanted = [
            token if mark else -100 for token, mark in zip(given["input_ids"], given["assistant_masks"], strict=True)
        ]
        assert row["labels"] == wanted
    trainer.train()
    return {"rows": len(made), "learned": sum(sum(mask) for mask in train["assistant_masks"])}


def sft_messages(
    parts: datasets.DatasetDict,
    tokens: datasets.DatasetDict,
    tokenizer: transformers.PreTrainedTokenizerBase,
    place: str,
) -> dict:
    """TRL's own tokens of the messages, with both of its masks: what is learned reads as what the model wrote."""
    train = parts["train"]
    config = trl.SFTConfig(
        **common(place),
        max_length=None,
        shuffle_dataset=False,
        completion_only_loss=True,
        assistant_only_loss=True,
    )
    trainer = trl.SFTTrainer(tiny(tokenizer, place), config, train_dataset=train, processing_class=tokenizer)
    twins = {row["info"]["id"]: row for row in tokens["train"]}
    equal = 0
    for row, given in zip(trainer.train_dataset, train, strict=True):
        talk = [*given["prompt"], *given["completion"]]
        written = [message["content"] for message, mark in zip(talk, given["mask"], strict=True) if mark]
        learned = [token for token in row["labels"] if token != -100]
        assert tokenizer.decode(learned) == "".join(f"{text}<|im_end|>" for text in written)
        twin = twins[given["info"]["id"]]
        equal += row["input_ids"][: len(twin["input_ids"])] == twin["input_ids"]
    trainer.train()
    return {"rows": len(trainer.train_dataset), "same tokens as ours": equal}


def dpo(parts: datasets.DatasetDict, tokenizer: transformers.PreTrainedTokenizerBase, place: str) -> dict:
    """TRL's own preparation of pairs, and a step on them."""
    train = parts["train"]
    config = trl.DPOConfig(**common(place), max_length=None)
    trainer = trl.DPOTrainer(tiny(tokenizer, place), args=config, train_dataset=train, processing_class=tokenizer)
    trainer.train()
    assert all(row["score_chosen"] > row["score_rejected"] for row in train)
    return {"rows": len(trainer.train_dataset)}


def grpo(parts: datasets.DatasetDict, tokenizer: transformers.PreTrainedTokenizerBase, place: str) -> dict:
    """What TRL's online trainer asks of a data set: prompts that its template renders. Groups match their rewards."""
    train = parts["train"]
    for row in train:
        assert len(row["answers"]) == len(row["rewards"]) == len(row["masks"])
        prompt = trl.apply_chat_template({"prompt": row["prompt"]}, tokenizer)["prompt"]
        assert prompt.endswith("<|im_start|>assistant\n")

    def reward(completions: list, **columns: object) -> list[float]:
        assert {"rewards", "info"} <= set(columns)
        return [float(len(completion[0]["content"])) for completion in completions]

    settings = {**common(place), "per_device_train_batch_size": 2}
    config = trl.GRPOConfig(**settings, num_generations=2, max_completion_length=4)
    few = train.select(range(min(2, len(train))))
    trainer = trl.GRPOTrainer(
        tiny(tokenizer, place), reward, args=config, train_dataset=few, processing_class=tokenizer
    )
    trainer.train()
    return {"rows": len(train), "answers": sum(map(len, train["answers"]))}


if __name__ == "__main__":
    main()
