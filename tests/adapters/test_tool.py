"""The tool behind all adapters: what an agent may ask about, what it is told, and what never reaches it."""

from __future__ import annotations

import json

import pytest

from rlm_async import RLM, ConfigError, Limits
from rlm_async.adapters import AgentTool
from rlm_async.adapters.openai import called, called_sync, chat_function, responses_function
from rlm_async.errors import ModelRejected
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio
LINE = "```repl\ntext = context if isinstance(context, str) else '\\n'.join(context.values())\nFINAL(text[:5])\n```"


@pytest.fixture
def anyio_backend():
    """Nothing here waits for anything of its own."""
    return "asyncio"


def rlm(script=LINE, **settings) -> RLM:
    return RLM(ScriptedModel(script), strategy="repl", sandbox="inline", **settings)


async def test_one_input_needs_no_name():
    tool = AgentTool(rlm(), "alpha beta", about="two words")
    assert tool.schema["required"] == ["question"]
    assert "two words" in tool.description
    assert await tool(question="what?") == "alpha"
    assert (await tool.ask(question="what?")).usage.calls == 1


async def test_of_several_inputs_the_agent_names_one(tmp_path):
    (tmp_path / "b.md").write_text("bravo", encoding="utf-8")
    tool = AgentTool(rlm(), contexts={"a": "alpha", "b": tmp_path / "b.md", "c": {"x": "charlie", "y": "delta"}})
    assert tool.schema["properties"]["context"]["enum"] == ["a", "b", "c"]
    assert [await tool(question="what?", context=name) for name in "abc"] == ["alpha", "bravo", "charl"]
    (tmp_path / "b.md").unlink()  # it was read at its first question
    assert await tool(question="and?", context="b") == "bravo"
    with pytest.raises(ConfigError, match="no context 'd'; choose of: a, b, c"):
        await tool(question="what?", context="d")


async def test_files_are_read_below_the_roots_and_nowhere_else(tmp_path):
    root, out = tmp_path / "shelf", tmp_path / "secret.md"
    root.mkdir()
    (root / "a.md").write_text("alpha", encoding="utf-8")
    out.write_text("secret", encoding="utf-8")
    (root / "link.md").symlink_to(out)
    tool = AgentTool(rlm(), roots=[root])
    assert "below: shelf" in tool.schema["properties"]["paths"]["description"]
    assert await tool(question="what?", paths=["a.md"]) == "alpha"
    assert await tool(question="what?", paths=[str(root / "*.md")]) == "alpha"
    for path in ["../secret.md", str(out), "link.md", "-", "a.md/../../secret.md", "/etc/*"]:
        with pytest.raises(ConfigError, match="is not below shelf"):
            await tool(question="what?", paths=[path])
    for paths in (None, [], 3):
        with pytest.raises(ConfigError, match="paths is a list"):
            await tool(question="what?", paths=paths)


async def test_an_answer_that_was_cut_short_says_so():
    tool = AgentTool(rlm("```repl\nanswer['content'] = 'so far'\n```", limits=Limits(turns=1)), "text")
    told = await tool(question="what?")
    assert told.endswith("(Not complete: the limit turns was reached.)")


async def test_it_can_be_called_without_an_event_loop_also_inside_of_one():
    assert AgentTool(rlm(), "alpha").call(question="what?") == "alpha"


async def test_a_call_in_openais_form_is_answered_in_words_whatever_it_holds():
    tool = AgentTool(rlm(), "alpha beta")
    assert await called(tool, '{"question": "what?"}') == "alpha"
    assert called_sync(tool, '{"question": "what?"}') == "alpha"
    assert await called(tool, "") == "Error: the question is empty; say what you want to know about the input"
    assert "not JSON" in await called(tool, "{")
    assert "not a JSON object" in called_sync(tool, "[]")
    assert "takes question, not file" in await called(tool, '{"question": "q", "file": "x"}')
    failing = AgentTool(rlm(ModelRejected("no such model")), "alpha")
    assert await called(failing, '{"question": "q"}') == "Error: no such model"


def test_the_schema_is_strict_and_says_the_same_in_both_interfaces():
    tool = AgentTool(rlm(), contexts={"a": "alpha"}, name="ask_shelf")
    function = chat_function(tool)["function"]
    assert responses_function(tool) == {"type": "function", **function}
    assert (function["name"], function["strict"]) == ("ask_shelf", True)
    assert function["parameters"]["additionalProperties"] is False
    assert set(function["parameters"]["required"]) == set(function["parameters"]["properties"])
    json.dumps(function)


@pytest.mark.parametrize(
    "make",
    [
        lambda: AgentTool(rlm()),
        lambda: AgentTool(rlm(), "text", roots=["."]),
        lambda: AgentTool(rlm(), "text", contexts={"a": "b"}),
        lambda: AgentTool(rlm(), "text", name="no name"),
        lambda: AgentTool(rlm(), "text", name="n" * 65),
    ],
)
def test_a_tool_about_nothing_or_without_a_usable_name_is_refused(make):
    with pytest.raises(ConfigError):
        make()
