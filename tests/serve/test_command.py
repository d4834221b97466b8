"""`rlm-async serve` as a process: what it says, how it stops."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from rlm_async.cli.app import app

pytest.importorskip("uvicorn")
ROOT = Path(__file__).resolve().parents[2]
NEVER = "http://127.0.0.1:9/v1"


@pytest.fixture
def start(tmp_path):
    started = []

    def run(*arguments, command="serve", **environ):
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "COVERAGE_PROCESS_START") if name in os.environ}
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "rlm_async",
                command,
                "--port",
                "0",
                "--model",
                "openai/m",
                "--api-base",
                NEVER,
                *arguments,
            ],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd=tmp_path,
            env={**kept, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **environ},
        )
        started.append(process)
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        said = iter(process.stderr.readline, "")
        line = next(line for line in said if "serving" in line)
        watchdog.cancel()
        return process, re.search(r"http://\S+/(v1|mcp)", line)[0], line

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_serves_and_stops_in_good_order(start, number):
    process, url, line = start()
    assert "openai/m as rlm-async" in line
    assert [card["id"] for card in httpx.get(f"{url}/models").json()["data"]] == ["rlm-async", "openai/m"]
    process.send_signal(number)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in rest


def test_a_key_in_the_environment_closes_the_door(start):
    _, url, line = start(RLM_ASYNC_SERVE_KEY="sesame")
    assert "1 key" in line
    assert httpx.get(f"{url}/models").status_code == 401
    assert httpx.get(f"{url}/models", headers={"Authorization": "Bearer sesame"}).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "0.0.0.0"), "open to others: give --keys"),  # noqa: S104 - it is refused
        (("--keys", "no-such-file.toml"), "cannot read the keys"),
        (("--limit", "money=3"), "--limit"),
    ],
)
def test_what_is_wrong_is_said_before_anything_listens(arguments, said, monkeypatch):
    monkeypatch.delenv("RLM_ASYNC_SERVE_KEY", raising=False)
    done = CliRunner().invoke(app, ["serve", "--model", "openai/m", "--api-base", NEVER, *arguments])
    assert done.exit_code == 2
    assert said in done.stderr


def test_agents_over_http_need_the_key_and_it_stops_in_good_order(start, tmp_path):
    process, url, line = start("--http", "--root", str(tmp_path), command="mcp", RLM_ASYNC_SERVE_KEY="sesame")
    assert url.endswith("/mcp")
    assert f"1 key, files below: {tmp_path}" in line
    assert httpx.post(url, json={}).status_code == 401
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--keys", "keys.toml"), "are for --http"),
        (("--root", "/no/such/folder"), "no such folder"),
        (("--http", "--host", "0.0.0.0"), "open to others"),  # noqa: S104 - it is refused
    ],
)
def test_what_is_wrong_with_mcp_is_said_first(arguments, said, monkeypatch):
    monkeypatch.delenv("RLM_ASYNC_SERVE_KEY", raising=False)
    done = CliRunner().invoke(app, ["mcp", "--model", "openai/m", "--api-base", NEVER, *arguments])
    assert done.exit_code == 2
    assert said in done.stderr
