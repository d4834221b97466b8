"""Every ```python block of the README and of the how-tos runs, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest

from rlm_async.testing import LoopbackServer

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")))
]

COMPARE = """```repl
import re
terms = {}
for name, text in context.items():
    reply = llm_query(f"{text[:200]}\\n\\nHow many years is the term? Only the number.")
    terms[name] = int(reply)
longest = max(terms, key=terms.get)
answer["content"] = f"{longest}: {terms[longest]} years"
answer["ready"] = True
```"""


def play(asked):
    """A root model that writes the program above, and a sub-model that reads the term off its passage."""
    if asked.body["messages"][0]["role"] == "system":
        return COMPARE
    return re.search(r"is (\d+) years", asked.prompt)[1]


@pytest.fixture
def anyio_backend():
    """The loopback server is asyncio's."""
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize("example", EXAMPLES)
async def test_the_example_runs(example, tmp_path):
    async with LoopbackServer(play) as server:
        environment = {
            **os.environ,
            "OPENAI_API_KEY": "a key for the test",
            "OPENAI_API_BASE": f"{server.url}",
            "PYTHONPATH": str(ROOT),
        }
        run = partial(
            subprocess.run,
            [sys.executable, "-c", example],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        done = await anyio.to_thread.run_sync(run)
    assert done.returncode == 0, done.stderr[-2000:]
    if "Which contract has the longest term?" in example:
        assert done.stdout.startswith("contract 8: 8 years\ncomplete 9 calls,")


def test_there_are_examples():
    assert len(EXAMPLES) > 5
