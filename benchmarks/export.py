"""A hundred bench runs of a simulated model as training data, with every token's mark checked by other means.

    python -m benchmarks.export FOLDER [--runs 100]      # runs, all formats, masks checked by the local model's server
    OWN/bin/python benchmarks/export_readers.py FOLDER   # then, where datasets, trl and torch are: by their own readers

The check asks the server what the export does not ask it: what each run of marked and of unmarked tokens
stands for (`/detokenize`), and what the template makes of the whole conversation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from itertools import groupby
from pathlib import Path

from rlm_async.models.local.choice import choose
from rlm_async.models.local.progress import Silent
from rlm_async.models.local.supervisor import Supervisor

TASKS = ("sniah", "oolong_trec", "oolong_pairs", "babi_chain")
ARMS = 5
"""Direct, map-reduce, depth 0, 1 and 2."""
MODEL = "local:135m"
FORMATS = ("sft", "openai", "sharegpt", "grpo", "dpo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=100)
    asked = parser.parse_args()
    folder = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    benched(folder, asked.runs)
    for form in FORMATS:
        exported(folder, form)
    exported(folder, "tokens")
    serving = Supervisor.of(os.environ).ensure(choose(MODEL).settings(os.environ), Silent())
    counts = check(folder / "tokens", folder / "sft", serving.address, serving.api_key)
    print(json.dumps(counts))


def benched(folder: Path, runs: int) -> None:
    """`runs` questions, each answered by five arms; and some of them by a root that plans badly, for pairs."""
    files = ("-o", folder / "runs" / "rows.jsonl", "--journal", folder / "runs" / "runs.sqlite")
    seeds = -(-runs // (len(TASKS) * ARMS))
    common = ("--size", "4k", "--seeds", seeds, "--questions", "1", "--clock", "virtual", "--quiet")
    command("bench", "run", *TASKS, *common, "--depth", "0,1,2", "--arms", "direct,map-reduce", *files)
    second = ("-o", folder / "pairs" / "rows.jsonl", "--journal", folder / "pairs" / "runs.sqlite")
    bad = ("--syntax-errors", "0,0.9", "--policy", "map-reduce,bad-first", "--arms", "none")
    command("bench", "run", *TASKS[1:3], *common, "--depth", "1", *bad, *second)


def exported(folder: Path, form: str) -> None:
    """One export."""
    runs = [folder / "runs", *([folder / "pairs"] if form in {"dpo", "grpo"} else [])]
    own = ["-f", "sft", "--tokens", MODEL] if form == "tokens" else ["-f", form]
    weigh = ["--weigh", "tokens=-0.00001"] if form in {"dpo", "grpo"} else []
    command("export", *runs, *own, *weigh, "-o", folder / form, "--split", "0.8/0.1/0.1", "--json", "--quiet")


def command(*words: object) -> None:
    """One command of ours; its failure ends this."""
    done = subprocess.run([sys.executable, "-m", "rlm_async", *map(str, words)], check=False)
    if done.returncode and (done.returncode, words[0]) != (1, "bench"):  # there 1 is a question that failed: a row too
        raise SystemExit(done.returncode)


def rows(folder: Path) -> list[dict]:
    """The rows of all parts."""
    return [
        json.loads(line)
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text("utf-8").split("\n")
        if line
    ]


def check(tokens: Path, messages: Path, address: str, key: str) -> dict[str, int]:
    """Compare each row of tokens with the same sample in messages; raises AssertionError where a mark is wrong."""

    def ask(path: str, body: object) -> dict:
        head = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        call = urllib.request.Request(address + path, json.dumps(body).encode(), head)  # noqa: S310 - loopback
        with urllib.request.urlopen(call) as reply:  # noqa: S310 - the same
            return json.loads(reply.read())

    spoken = {row["info"]["id"]: row for row in rows(messages)}
    counts: Counter[str] = Counter()
    for row in rows(tokens):
        twin = spoken[row["info"]["id"]]
        ids, mask = row["input_ids"], row["assistant_masks"]
        assert len(ids) == len(mask)
        talk = [*twin["prompt"], *twin["completion"]]
        told = [
            (mark, ask("/detokenize", {"tokens": [token for token, _ in run]})["content"])
            for mark, run in groupby(zip(ids, mask, strict=True), key=lambda pair: pair[1])
        ]
        written = [message["content"] for message, mark in zip(talk, twin["mask"], strict=True) if mark]
        end = told[-1][1][len(written[-1]) :]
        assert end, "a reply ends with the token that ends a turn"
        assert [text for mark, text in told if mark] == [f"{text}{end}" for text in written], row["info"]["id"]
        more = [*talk, {"role": "user", "content": "x"}]
        whole = ask("/apply-template", {"messages": more})["prompt"]
        assert whole.startswith("".join(text for _, text in told)), row["info"]["id"]
        same = ask("/tokenize", {"content": "".join(text for _, text in told), "parse_special": True})["tokens"] == ids
        counts.update(rows=1, tokens=len(ids), learned=sum(mask), turns=len(written), as_one_text=same)
    assert counts["rows"], "there are no rows"
    return dict(counts)


if __name__ == "__main__":
    main()
