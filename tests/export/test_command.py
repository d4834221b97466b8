"""`rlm-async export` as it is typed, over bench runs of a simulated model and runs of a scripted one."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from benchmarks.export import check
from rlm_async import RLM
from rlm_async.cli.app import app
from rlm_async.journal import Journal
from rlm_async.testing import ScriptedModel
from tests.journal.conftest import PlainSandboxes

SMALL = ("--size", "1k", "--seeds", "4", "--questions", "1", "--depth", "1", "--arms", "direct", "--clock", "virtual")


def invoked(*arguments):
    done = CliRunner().invoke(app, list(map(str, arguments)))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture(scope="module")
def benched(tmp_path_factory):
    """Eight bench runs in a journal, beside their rows."""
    folder = tmp_path_factory.mktemp("bench")
    files = ("-o", folder / "rows.jsonl", "--journal", folder / "runs.sqlite")
    assert invoked("bench", "run", "babi_chain", *SMALL, "--quiet", *files).exit_code == 0
    return folder


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_bench_runs_become_data_with_scores_and_no_input_in_two_parts(benched, tmp_path):
    out = tmp_path / "data"
    done = invoked(
        "export", benched, "-f", "sft", "-o", out, "--split", "0.5/0.25/0.25", "--json", "--license", "cc0-1.0"
    )
    assert done.exit_code == 0, done.stderr
    counts = json.loads(done.stdout)["parts"]
    scores = {row["run"]: row["score"] for row in lines(benched / "rows.jsonl")}
    assert len(scores) == 8
    rows = {part: lines(out / f"{part}.jsonl") for part in ("train", "validation", "test")}
    assert {part: len(found) for part, found in rows.items()} == {part: own["rows"] for part, own in counts.items()}
    assert all(counts[part]["groups"] for part in rows)
    inputs = [{row["info"]["context"] for row in found} for found in rows.values()]
    assert sum(map(len, inputs)) == len(set.union(*inputs)) == 4
    for row in (row for found in rows.values() for row in found):
        assert row["rewards"]["score"] == row["rewards"]["reward"] == scores[row["info"]["run"]]
        assert sum(row["mask"]) == row["info"]["turns"]
        spoken = [*row["prompt"], *row["completion"]]
        assert all(spoken[place]["role"] == "assistant" for place, mark in enumerate(row["mask"]) if mark)
    card = (out / "README.md").read_text()
    assert 'license: "cc0-1.0"' in card
    assert "split: validation" in card
    assert "sim-strong" in card
    assert invoked("export", benched, "-f", "sft", "-o", out).exit_code == 0  # its own card may be written over


def test_a_tree_is_one_row_with_all_its_nodes(benched, tmp_path):
    done = invoked("export", benched, "-f", "sft", "--per", "tree", "-o", tmp_path / "trees.jsonl", "--quiet")
    assert (done.exit_code, done.stderr) == (0, "")
    rows = lines(tmp_path / "trees.jsonl")
    assert len(rows) == 8
    assert all(row["info"]["node"] == "root" for row in rows)
    assert {node["id"] for row in rows for node in row["nodes"] if node["node"] == "root"} == {
        row["info"]["id"] for row in rows
    }
    assert max(len(row["nodes"]) for row in rows) > 2
    assert (tmp_path / "trees.md").exists()


def test_openai_has_what_it_allows_no_field_for_beside_it(benched, tmp_path):
    assert invoked("export", benched, "-f", "openai", "-o", tmp_path / "o", "--max-depth", 0).exit_code == 0
    rows, infos = lines(tmp_path / "o" / "train.jsonl"), lines(tmp_path / "o" / "info" / "train.jsonl")
    assert len(rows) == len(infos) == 8
    assert all(set(row) == {"messages"} for row in rows)
    assert {info["info"]["depth"] for info in infos} == {0}


def test_one_run_by_its_name_has_no_score_and_so_no_group(benched, tmp_path):
    name = lines(benched / "rows.jsonl")[0]["run"]
    own = ("--journal", benched / "runs.sqlite")
    assert invoked("export", name, *own, "-f", "sharegpt", "-o", tmp_path / "one.jsonl").exit_code == 0
    assert {row["info"]["run"] for row in lines(tmp_path / "one.jsonl")} == {name}
    done = invoked("export", name, *own, "-f", "grpo", "-o", tmp_path / "two.jsonl")
    assert done.exit_code == 2
    assert "grpo needs scores" in done.stderr
    scored = (*own, "--scores", benched / "rows.jsonl", "-f", "grpo", "-o", tmp_path / "two.jsonl")
    assert invoked("export", name, *scored).exit_code == 0
    assert all(len(row["rewards"]) == len(row["answers"]) for row in lines(tmp_path / "two.jsonl"))


def test_what_cannot_be_is_told_before_anything_is_read(benched, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("my own words")
    (tmp_path / "empty").mkdir()
    for arguments, said in (
        ((benched, "-f", "csv", "-o", "x"), "choose one of sft, dpo"),
        ((benched, "-f", "sft", "-o", tmp_path / "mine"), "not ours to write over"),
        ((benched, "-f", "sft", "-o", tmp_path / "x.jsonl", "--split", "0.5/0.5"), "name a folder"),
        ((benched, "-f", "dpo", "-o", tmp_path / "x", "--tokens", "local"), "--tokens: tokens are for"),
        ((benched, "-f", "sft", "-o", tmp_path / "x", "--status", "good"), "--status 'good'"),
        ((benched, "-f", "sft", "-o", tmp_path / "x", "--min-score", "2"), "nothing is left to write"),
        ((tmp_path / "empty", "-f", "sft", "-o", tmp_path / "x"), "is no journal and holds none"),
        ((benched / "rows.jsonl", "-f", "sft", "-o", tmp_path / "x"), "holds scores and no runs"),
        (("no-such-run", "--journal", benched / "runs.sqlite", "-f", "sft", "-o", tmp_path / "x"), "no-such-run"),
    ):
        done = invoked("export", *arguments)
        assert done.exit_code == 2, arguments
        assert said in done.stderr
    assert not (tmp_path / "x").exists()


def test_a_run_kept_without_words_says_how_to_keep_them_and_one_without_its_input_takes_it(tmp_path):
    text = tmp_path / "input.txt"
    text.write_text("what is to be read " * 30)
    script = "```repl\nanswer.update(content='done', ready=True)\n```"

    def kept(content):
        path = tmp_path / f"{content}.sqlite"
        with Journal(path, content=content) as journal:
            rlm = RLM(ScriptedModel(script), strategy="repl", sandbox=PlainSandboxes(), journal=journal)
            return path, rlm.ask_sync("what?", text).run

    path, run = kept("none")
    done = invoked("export", run, "--journal", path, "-f", "sft", "-o", tmp_path / "x")
    assert done.exit_code == 2
    assert "record with --journal-content full" in done.stderr
    done = invoked("export", path, "-f", "sft", "-o", tmp_path / "x")
    assert done.exit_code == 2
    assert "not enough in the journal 1" in done.stderr
    path, run = kept("no-context")
    done = invoked("export", run, "--journal", path, "-f", "sft", "-o", tmp_path / "x")
    assert "give it with --input" in done.stderr
    done = invoked("export", run, "--journal", path, "-f", "sft", "-o", tmp_path / "x", "--input", text)
    assert done.exit_code == 0, done.stderr
    assert len(lines(tmp_path / "x" / "train.jsonl")) == 1


@pytest.mark.required_in_ci("the masks of bench runs, token by token, for one real model's template")
def test_the_masks_of_bench_runs_are_right_token_by_token(benched, tmp_path, smallest, monkeypatch):
    monkeypatch.setenv("THAT_KEY", smallest.api_key)
    server = ("--tokens", smallest.address, "--api-key-env", "THAT_KEY")
    assert invoked("export", benched, "-f", "sft", "-o", tmp_path / "sft").exit_code == 0
    assert invoked("export", benched, "-f", "sft", "-o", tmp_path / "tokens", *server).exit_code == 0
    counts = check(tmp_path / "tokens", tmp_path / "sft", smallest.address, smallest.api_key)
    assert counts["rows"] == len(lines(tmp_path / "sft" / "train.jsonl"))
    assert 0 < counts["learned"] < counts["tokens"]


def test_datasets_reads_the_parts_by_the_card(benched, tmp_path):
    datasets = pytest.importorskip(
        "datasets",
        reason="datasets is not installed (250 MB): see benchmarks/export_readers.py, which reads with trl too",
    )
    assert invoked("export", benched, "-f", "sft", "-o", tmp_path / "d", "--split", "0.5/0.25/0.25").exit_code == 0
    found = datasets.load_dataset(str(tmp_path / "d"), cache_dir=str(tmp_path / "cache"))
    assert set(found) == {"train", "validation", "test"}
