"""The commands around asking: sandbox exec, local, doctor, demo."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from rlm_async.cli import demo, findings
from rlm_async.cli.findings import Finding
from rlm_async.cli.progress import Progress
from rlm_async.cli.report import Ending
from rlm_async.core.answer import Answer
from rlm_async.models.local.weights import WEIGHTS

CELLS = "x = [1, 2]\nprint(x)\n# %%\ny = llm_query('which of these is it? ' + 'z' * 60)\ny\n"


@pytest.fixture
def cells(tmp_path):
    path = tmp_path / "cells.py"
    path.write_text(CELLS)
    return path


def test_sandbox_exec_runs_cells_behind_the_wall(process, cells):
    done = process("sandbox", "exec", cells, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["outcome"], told["error"]) == (0, "ok", None)
    stub = "yes: which of these is it? " + "z" * 18
    assert told["stdout"] == f"[1, 2]\n{stub!r}\n"
    assert told["variables"] == {"x": "[1, 2]", "y": repr(stub)}
    assert {"policy", "process"} <= set(told["layers"])


def test_sandbox_exec_runs_cells_in_any_sandbox(command, cells):
    done = command("sandbox", "exec", cells, "--json", "--sandbox", "inline")
    assert json.loads(done.stdout)["layers"] == ["policy"]
    assert json.loads(done.stdout)["outcome"] == "ok"


def test_sandbox_exec_speaks_plainly_to_a_person(process, tmp_path):
    (tmp_path / "book.txt").write_text("Call me Ishmael.")
    done = process(
        "sandbox", "exec", "-", "--context", "book.txt", stdin="print(context)\nprint('\\x1b[2J')\nopen('x')"
    )
    assert done.returncode == 1
    assert done.stdout == "Call me Ishmael.\n\n"
    assert "outcome: " in done.stderr
    assert "policy" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.py",), "missing.py"),
        (("cells.py", "--require", "moat"), "moat"),
        (("cells.py", "--without", "process"), "process"),
        (("cells.py", "--context", "missing"), "missing does not exist"),
        (("cells.py", "--sandbox", "open"), "there is no sandbox 'open'"),
        (("cells.py", "--sandbox", "inline", "--require", "uid"), "'inline' has its own"),
        (("blob.py",), "not UTF-8"),
    ],
)
def test_sandbox_exec_refuses_in_one_line(command, cells, tmp_path, arguments, said):
    (tmp_path / "blob.py").write_bytes(b"\xff\xfe\x00")
    done = command("sandbox", "exec", *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert said in done.stderr


def test_local_status_says_what_is_missing_and_how_to_get_it(command):
    done = command("local", "status")
    assert done.returncode == 1
    for weights in WEIGHTS:
        assert f"{weights.name} (" in done.stdout
    assert "rlm-async local install" in done.stdout
    told = json.loads(command("local", "status", "--json").stdout)
    assert (told["usable"], told["local"]) == (False, None)
    assert len(told["weights"]) == len(WEIGHTS)


def test_local_commands_name_what_they_do_not_know(command):
    for arguments in (("local", "install", "70b"), ("local", "remove", "70b")):
        done = command(*arguments)
        assert done.returncode == 2
        assert "no local model is named '70b'" in done.stderr
    assert "was not there" in command("local", "remove", "135m").stderr
    assert "no local server runs" in command("local", "stop").stderr


def test_an_install_without_a_network_fails_in_one_line(command, monkeypatch):
    done = command("local", "install", "135m", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0", NO_PROXY="*")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: smollm2-135m could not be fetched: ")


def test_doctor_names_each_problem_with_its_fix(process):
    done = process("doctor", OPENAI_API_KEY="sk-live-secret")
    assert done.returncode == 1
    assert "sk-live-secret" not in done.stdout + done.stderr
    assert "keys: set: OPENAI_API_KEY" in done.stdout
    assert "FAIL  local model: no local model is installed" in done.stdout
    assert "fix: run 'rlm-async local install'" in done.stdout
    assert "ok    python: " in done.stdout
    assert "sandbox: code runs behind policy, process" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 problem stands in the way")


def test_doctor_is_content_where_a_provider_is_the_default(command, endpoint):
    served = endpoint("hm", models={"m": 8_000}, key="right")
    done = command("doctor", "--json", "--api-base", served.url, RLM_ASYNC_MODEL="openai/m", OPENAI_API_KEY="right")
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert told["ok"]
    lines = {finding["topic"]: finding for finding in told["findings"]}
    assert lines["endpoint"]["line"].endswith("answers; models: m")
    assert lines["local model"]["state"] == "note"


def test_an_endpoint_is_judged_by_what_it_answers(endpoint):
    def judged(address, key=None):
        (finding,) = findings.endpoint(address, key, {})
        return finding

    served = endpoint("hm", models={f"m{i}": None for i in range(8)}, key="right")
    assert judged(served.url, "right").line.endswith("models: m0, m1, m2, m3, m4 and 3 more")
    assert judged(served.url.removesuffix("/v1"), "right").state == "ok"
    refused = judged(served.url, "wrong")
    assert (refused.state, "refuses the key" in refused.line) == ("problem", True)
    assert "--api-key-env" in refused.fix
    assert judged("http://127.0.0.1:9/v1").state == "problem"
    assert judged("unix:///no/such/socket").state == "problem"
    assert judged("ftp://host").fix == "correct --api-base"
    assert list(findings.endpoint(None, None, {})) == []
    (named,) = findings.endpoint(None, None, {"OPENAI_BASE_URL": "nonsense"})
    assert named.fix == "correct $OPENAI_BASE_URL"


def test_the_environment_may_name_a_socket(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        (finding,) = findings.endpoint(None, None, {"OPENAI_API_BASE": f"unix://{tmp_path}/s"})
    assert finding == Finding("endpoint", "ok", f"{tmp_path}/s takes connections")


def test_a_missing_package_is_a_problem_with_its_command(monkeypatch):
    monkeypatch.setattr(findings, "_version", lambda name: None if name == "litellm" else "1.0")
    found = [finding for finding in findings.python() if finding.state == "problem"]
    assert found[0].line == "missing: litellm"
    assert found[0].fix.endswith("-m pip install litellm")


def test_the_demo_asks_before_it_fetches(command):
    done = command("demo")
    assert done.returncode == 2
    assert "1,066 MiB" in done.stderr
    assert "--yes" in done.stderr
    assert "rlm-async local install" in done.stderr


def test_the_demo_says_what_was_read_asked_and_spent(command, endpoint, tmp_path, monkeypatch):
    library = tmp_path / "library"
    (library / "test").mkdir(parents=True)
    (library / demo.RIDDLE.file).write_text(f"# {demo.RIDDLE.pattern} by {demo.RIDDLE.expected}\n")
    (library / "test" / "test_it.py").write_text("left out")
    (library / "empty.py").touch()
    monkeypatch.setattr(demo.sysconfig, "get_path", lambda _: str(library))
    served = endpoint(f"It was {demo.RIDDLE.expected}.")
    done = command("demo", *served.options)
    assert (done.returncode, done.stdout) == (0, f"It was {demo.RIDDLE.expected}.\n")
    lines = done.stderr.splitlines()
    assert any(line.startswith("read:  1 file, ") for line in lines)
    assert any(line.startswith("asked: 1 node, 1 model call") for line in lines)
    assert lines[-1] == f'check: grep -n "{demo.RIDDLE.pattern}" {library / demo.RIDDLE.file}'


def test_a_wrong_answer_of_the_demo_is_called_wrong(story, tmp_path):
    progress = Progress()
    run = story(progress)
    run.leaf(run.node())
    lines = list(demo.account(Ending(progress=progress, answer=Answer(text="Guido")), tmp_path))
    assert "this answer is wrong" in lines[-1]
    assert demo.RIDDLE.expected in lines[-1]


def test_the_answer_of_the_demo_stands_in_this_library():
    library = Path(os.__file__).parent
    line = next(x for x in (library / demo.RIDDLE.file).read_text().splitlines() if demo.RIDDLE.pattern in x)
    assert demo.RIDDLE.expected in line
    paths = list(demo.sources(library))
    assert sum(path.stat().st_size for path in paths) > 5_000_000
    assert not any("site-packages" in path.parts or "test" in path.parts for path in paths)
