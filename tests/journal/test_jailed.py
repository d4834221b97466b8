"""Kept runs of the real sandbox: plain loops that run ahead, and a program of ours."""

from __future__ import annotations

import pytest

from rlm_async import ModelInfo
from rlm_async.api.replaying import replay
from rlm_async.testing import ScriptedModel
from tests.journal.conftest import LONG, code, is_root

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    """Workers start twice as often otherwise."""
    return "asyncio"


async def test_a_loop_that_ran_ahead_is_replayed(kept, journal):
    program = code(
        "found = []",
        "def look(number):",
        "    return llm_query(f'item {number}')",
        "for number in range(12):",
        "    reply = look(number)",
        "    if 'stop' in reply: break",
        "    found.append(reply)",
        "answer.update(content=' '.join(found), ready=True)",
    )

    def play(request):
        prompt = request.messages[-1].text
        return program if is_root(request) else "stop" if prompt == "item 7" else prompt

    first = await kept(ScriptedModel(play), journal=journal, sandbox=None).ask("what?", LONG)
    again = await replay(journal, first.run)
    assert first.text == " ".join(f"item {number}" for number in range(7))
    assert (again.same, again.strayed) == (True, 0)


async def test_the_program_for_small_models_is_replayed(kept, journal):
    class Small(ScriptedModel):
        info = ModelInfo(name="small", window=2_048, weak=True, concurrency=4)

    text = "The fee is waived in June. " * 400 + "The licensor may terminate on notice. " + "Nothing else holds. " * 400

    def play(request):
        return "The licensor." if "licensor may" in request.messages[-1].text else "none"

    rlm = kept(Small(play), journal=journal, sandbox=None, strategy="guided")
    first = await rlm.ask("Who may terminate on notice?", text)
    again = await replay(journal, first.run)
    assert (again.same, again.strayed, again.answer.text) == (True, 0, first.text)
