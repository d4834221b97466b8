"""Each framework's own agent calls our tool and is told the answer: the examples of docs/how-to/adapters.md.

The frameworks are in an environment of their own (`make adapters`), for some want other packages than ours.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest

from rlm_async.testing import LoopbackServer
from tests.adapters.agent_model import FILLER, RENT, Players

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "adapters.md").read_text(encoding="utf-8")
FIRST = re.search(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1]
BLOCKS = {
    section.partition("\n")[0].partition(",")[0]: re.search(r"^```py\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)[1]
    for section in PAGE.split("\n## ")[1:]
}
MODULES = {
    "OpenAI's interface": "openai",
    "LangChain and LangGraph": "langchain",
    "Pydantic AI": "pydantic_ai",
    "OpenAI Agents SDK": "agents",
    "smolagents": "smolagents",
    "DSPy": "dspy",
    "Inspect AI": "inspect_ai",
}
EXPECTED = {
    "LangChain and LangGraph": [f"It says: {RENT}", "1 call"],
    "DSPy": ["4201 euros", f"It says: {RENT}"],
    "Inspect AI": ["success 1.0", "success 1.0"],
}
MOCK = '''
from inspect_ai.model import ModelOutput, get_model


def play(messages, tools, choice, config):
    """Inspect's own test model: its provider for OpenAI wants a newer client than litellm does."""
    assert "stairs free of leaves" not in str(messages)
    heard = [message.text for message in messages if message.role == "tool"]
    if heard:
        return ModelOutput.for_tool_call("mock", "submit", {"answer": "It says: " + heard[-1]})
    return ModelOutput.for_tool_call("mock", "ask_documents", {"question": "What is the rent?", "context": "lease"})


mock = get_model("mockllm/model", custom_outputs=play)
'''
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    """The loopback server is asyncio's."""
    return "asyncio"


def interpreter() -> str:
    """The Python that has the frameworks."""
    place = Path(os.environ.get("RLM_ASYNC_ADAPTERS", ROOT / ".venv-adapters")).absolute()
    if not (place / "bin" / "python").exists():
        pytest.skip(f"no environment with the frameworks at {place}: run `make adapters`")
    return str(place / "bin" / "python")


def block(framework: str) -> str:
    code = BLOCKS[framework].replace('"openai/gpt-5", display', "mock, display")
    return f"{FIRST}\n{MOCK if 'mock,' in code else ''}\n{code}"


@pytest.mark.required_in_ci("frameworks change, and only their own agents show whether our tools still fit")
@pytest.mark.slow
@pytest.mark.timeout(330)
async def test_each_frameworks_own_agent_is_told_the_answer_and_never_the_input(tmp_path):
    python = interpreter()
    (tmp_path / "lease.md").write_text(FILLER * 1_000 + RENT + "\n" + FILLER * 1_000, encoding="utf-8")
    players = Players()
    async with LoopbackServer(players) as server:
        environment = {
            **os.environ,
            "OPENAI_API_KEY": "a key for the test",
            "OPENAI_API_BASE": server.url,
            "OPENAI_BASE_URL": server.url,
            "OPENAI_AGENTS_DISABLE_TRACING": "1",  # which would go to the provider
            "INSPECT_LOG_DIR": str(tmp_path / "logs"),
            "DSPY_CACHEDIR": str(tmp_path / "cache"),
            "PYTHONPATH": str(ROOT),
        }
        run = partial(
            subprocess.run,
            [python, "-W", "ignore", str(ROOT / "tests" / "adapters" / "examples.py")],
            input=json.dumps({framework: block(framework) for framework in MODULES}),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        done = await anyio.to_thread.run_sync(run)
    found = {each["name"]: each for each in map(json.loads, re.findall(r"^\{.*\}$", done.stdout, re.MULTILINE))}
    assert list(found) == list(MODULES), done.stderr[-3000:]
    wrong = {}
    for framework, ended in found.items():
        expected = EXPECTED.get(framework, [f"It says: {RENT}"])
        if ended["error"] or ended["printed"].strip().splitlines()[-len(expected) :] != expected:
            wrong[framework] = ended["printed"][-500:] + ended["error"][-3000:]
    assert not wrong, "\n\n".join(f"{framework}:\n{text}" for framework, text in wrong.items())
    assert (players.runs, len(players.told)) == (9, 13)
    assert not any("stairs free of leaves" in told for told in players.told)


def test_each_framework_has_an_example():
    assert list(BLOCKS) == list(MODULES)


def test_each_framework_is_imported_by_one_module():
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "rlm_async").rglob("*.py")}
    for module in [*MODULES.values(), "langchain_core"]:
        pattern = re.compile(rf"^\s*(import|from) {module}\b", re.MULTILINE)
        importing = [path.name for path, source in sources.items() if pattern.search(source)]
        assert len(importing) == (module not in {"openai", "langchain"}), (module, importing)
