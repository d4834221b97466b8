"""The first thing a newcomer types: help and version, at once and without loading what is not needed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import typer

from rlm_async import __version__
from rlm_async.cli import main
from rlm_async.cli.boundary import guarded

HEAVY = ("litellm", "aiohttp", "rich", "anyio", "opentelemetry", "RestrictedPython", "xllamacpp")


@pytest.mark.parametrize("arguments", [["--help"], ["ask", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(environ, tmp_path, arguments):
    code = (
        "import sys\n"
        "from rlm_async.cli import main\n"
        f"sys.argv = ['rlm-async', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env=environ
    )
    assert done.stdout.endswith("LOADED []\n"), done.stdout + done.stderr


def test_the_version_is_one_line(process):
    done = process("--version")
    assert (done.returncode, done.stdout) == (0, f"rlm-async {__version__}\n")


def test_help_names_the_exit_statuses_and_only_what_exists(command):
    text = command("--help").stdout
    assert "0 complete, 1 failed" in text
    commands = re.findall(r"^  (\w+)  ", text.partition("Commands:")[2], re.MULTILINE)
    assert {"ask", "batch", "demo", "doctor", "local", "mcp", "runs", "sandbox", "serve", "show"} <= set(commands)
    assert all(command(name, "--help").returncode == 0 for name in commands)


def test_no_option_takes_a_key(command):
    text = command("ask", "--help").stdout
    assert "--api-key-env" in text
    assert not re.search(r"--api-key(?!-env)", text)


def test_without_arguments_help_is_shown(command):
    done = command()
    assert "Commands:" in done.stdout + done.stderr


def test_an_interruption_while_loading_is_no_traceback(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("rlm_async.cli.app.run", interrupted)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130


def test_a_bug_is_one_line_and_a_traceback_only_when_asked(capsys, monkeypatch):
    def broken():
        raise LookupError("no\nsuch thing")

    for debug, lines in (("", 1), ("1", 5)):
        monkeypatch.setenv("RLM_ASYNC_DEBUG", debug)
        with pytest.raises(typer.Exit) as end:
            guarded(broken)
        assert end.value.exit_code == 1
        told = capsys.readouterr().err
        assert "no such thing" in told or debug
        assert told.count("\n") >= lines
        assert ("Traceback" in told) == bool(debug)
