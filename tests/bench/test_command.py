"""`rlm-async bench` as it is typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from rlm_async.bench.estimate import estimated
from rlm_async.bench.points import Point
from rlm_async.bench.sweep import Sweep, arm_named, points
from rlm_async.cli.app import app
from rlm_async.core.usage import ModelInfo, Price
from rlm_async.errors import ConfigError
from rlm_async.journal import Journal

SMALL = ("--size", "2k", "--seeds", "1", "--questions", "1", "--clock", "virtual")


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, stdin=""):
        done = CliRunner().invoke(app, ["bench", *map(str, arguments)], input=stdin)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def test_run_and_report_from_the_command_line(command, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    done = command("run", "babi_chain", *SMALL, "--depth", "0,1", "--arms", "direct")
    assert (done.exit_code, done.stdout) == (0, "")
    rows = [json.loads(line) for line in (tmp_path / "bench.jsonl").read_text().splitlines()]
    assert [row["point"]["arm"] for row in rows] == ["direct", "depth 0", "depth 1"]
    assert {row["source"] for row in rows} == {"simulated"}
    assert "babi_chain 2,048 #0 depth 1 sim-strong | " in done.stderr
    again = command("run", "babi_chain", *SMALL, "--depth", "0,1", "--arms", "direct")
    assert (again.exit_code, len(again.stderr.splitlines())) == (0, 1)
    done = command("report", "bench.jsonl", "--png", "png")
    assert done.exit_code == 0
    assert (tmp_path / "bench.html").stat().st_size > 10_000
    assert list((tmp_path / "png").glob("*.png"))


def test_a_row_names_the_run_that_the_journal_keeps(command, tmp_path):
    done = command("run", "babi_chain", *SMALL, "--depth", "1", "--arms", "none", "--journal", "runs.sqlite")
    assert done.exit_code == 0
    (row,) = [json.loads(line) for line in (tmp_path / "bench.jsonl").read_text().splitlines()]
    with Journal(tmp_path / "runs.sqlite", create=False) as journal:
        (record,) = journal.runs()
        assert record.run == row["run"]
        assert (record.status, record.usage.calls) == ("complete", row["calls"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "oolong"), "there is no task 'oolong'"),
        (("run", "sniah", "--model", "sim-tall"), "simulated are sim-oracle"),
        (("run", "sniah", "--clock", "fast"), "choose real or virtual"),
        (("run", "sniah", "--clock", "virtual", "--model", "openai/gpt-5"), "only a simulated model"),
        (("run", "sniah", "--depth", "7"), "there is no arm '7'"),
        (("run", "sniah", "--size", "8x"), "--size '8x'"),
        (("run", "sniah", "--budget", "150%"), "from 0 up to 1"),
        (("run", "sniah", "--sharing", "maybe"), "choose on, off"),
        (("run", "sniah", "--seeds", "0"), "use 1 or more"),
        (("run", "sniah", "--data-dir", "nowhere"), "there is no such folder"),
        (("report", "nowhere.jsonl"), "cannot read nowhere.jsonl"),
        (("serve-sim", "--policy", "clever"), "choose one of map-reduce"),
    ],
)
def test_what_cannot_be_run_is_told_before_anything_runs(command, arguments, said):
    done = command(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_money_is_not_spent_unasked(command, tmp_path):
    done = command("run", "sniah", "--model", "openai/gpt-5", "--size", "8k", "--seeds", "1")
    assert done.exit_code == 2
    assert "about $" in done.stderr
    assert "pass --yes" in done.stderr
    assert not (tmp_path / "bench.jsonl").exists()


def test_an_estimate_counts_what_is_left_to_ask():
    info = ModelInfo(name="m", price=Price(prompt=1.0, completion=10.0))
    direct, deep = (Point(task="t", size=9, seed=0, arm=arm, model="m", sub_model="m") for arm in ("direct", "depth 2"))
    cheap = estimated([(direct, 100_000, 2)], lambda _: info)
    assert (cheap.questions, cheap.prompt_tokens) == (2, 200_000)
    assert cheap.usd == pytest.approx(0.2 + 2 * 0.015)
    assert estimated([(deep, 100_000, 2)], lambda _: info).usd > cheap.usd
    assert estimated([(deep, 100_000, 0)], lambda _: info).usd == 0
    unknown = estimated([(deep, 100_000, 1)], lambda name: ModelInfo(name=name))
    assert unknown.usd is None
    assert "unknown price" in str(unknown)


def test_a_sweep_names_each_cell_once(everything):
    tasks = {"sniah": everything[0]["sniah"]}
    sweep = Sweep(
        models=[("a", "a")], arms=["direct", "depth 1"], sizes=[1, 2], seeds=2, concurrency=[1, 4], chunks=[5, 6]
    )
    found = list(points(sweep, tasks))
    assert len(found) == len(set(found)) == 2 * 2 * (1 + 4)
    assert arm_named("2") == "depth 2"
    with pytest.raises(ConfigError):
        Sweep(models=[("openai/sim-strong", "x")], arms=["direct"], clock="virtual")


def test_serve_sim_tells_its_address_and_ends_when_interrupted():
    program = [sys.executable, "-m", "rlm_async", "bench", "serve-sim", "--port", "0", "--task", "babi_chain"]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
