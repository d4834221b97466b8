"""The skill for coding agents: every command in it can be typed, every field that it promises is there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from rlm_async.cli.app import app

SKILL = Path(__file__).resolve().parents[2] / "docs" / "skill" / "rlm-async" / "SKILL.md"
TEXT = SKILL.read_text(encoding="utf-8")
COMMANDS = [
    line.partition("| ")[2] or line
    for block in re.findall(r"^```sh\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


@pytest.mark.parametrize("line", COMMANDS, ids=range(len(COMMANDS)))
def test_the_command_can_be_typed(line):
    program, name, *arguments = shlex.split(line)
    assert program == "rlm-async"
    command = get_command(app).commands[name]
    with command.make_context(name, arguments) as context:  # raises for an option or argument that there is not
        assert context.params


def test_every_option_that_is_named_exists():
    known = {
        option
        for command in get_command(app).commands.values()
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT))
    assert named
    assert named <= known


def test_it_says_when_it_is_to_be_used_in_what_an_agent_always_sees():
    head = re.match(r"---\nname: ([a-z0-9-]+)\ndescription: (.+)\n---\n", TEXT)
    assert head[1] == SKILL.parent.name
    assert len(head[2]) <= 1_024
    assert "Use when" in head[2]


def test_the_fields_that_it_promises_are_those_of_an_answer(capsys):
    from rlm_async import RLM
    from rlm_async.cli.progress import Progress
    from rlm_async.cli.report import Ending, fields
    from rlm_async.testing import ScriptedModel

    answer = RLM(ScriptedModel("yes"), sandbox="inline").ask_sync("q", "c")
    shown = fields(Ending(progress=Progress(), answer=answer))
    promised = re.search(r"prints one object: (.+?)\. Exit", TEXT, re.DOTALL)[1]
    assert set(re.findall(r"`(\w+)`", promised)) <= {*shown, *shown["usage"]}
    json.dumps(shown)
