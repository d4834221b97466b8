"""Cells as models write them print under the policy what plain CPython prints."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rlm_async.sandbox.interpreter import Interpreter, Settings
from tests.sandbox.usability import corpus

HERE = Path(__file__).resolve().parent
SNIPPETS = corpus.snippets()
FEWEST = 200


class Model:
    """The corpus' model behind a link that answers at once."""

    def __init__(self):
        self._replies = {}
        self._tickets = 0

    def call(self, op, payload):
        self._tickets += 1
        self._replies[self._tickets] = self._reply(payload)
        return self._tickets

    def _reply(self, payload):
        try:
            return {"value": corpus.answer(payload["prompt"]), "error": None, "message": "", "status": "complete"}
        except RuntimeError as error:
            return {"value": None, "error": "QueryError", "message": str(error), "status": "failed"}

    def ready(self, ticket):
        return True

    def wait(self, tickets):
        raise AssertionError("every reply is there")

    def take(self, ticket):
        return self._replies.pop(ticket)

    def cancel(self, ticket):
        self._replies.pop(ticket, None)


def test_the_corpus_is_as_large_as_it_says():
    names = [(snippet.theme, snippet.name) for snippet in SNIPPETS]
    assert len(names) == len(set(names)) >= FEWEST


@pytest.mark.parametrize("snippet", SNIPPETS, ids=[f"{s.theme}-{s.name}" for s in SNIPPETS])
def test_a_cell_prints_what_plain_python_prints(snippet):
    wanted = corpus.expected(snippet.theme)[snippet.name]
    interpreter = Interpreter(corpus.CONTEXTS[snippet.context], Model(), Settings())
    results = [interpreter.run(cell) for cell in snippet.cells]
    errors = [result["error"] for result in results if result["error"] is not None]
    if wanted["error"] is None:
        assert errors == []
    else:
        told = {key: errors[-1][key] for key in ("type", "message", "line")}
        told["message"] = told["message"].removesuffix(" in this sandbox")
        assert told == wanted["error"]
    assert "".join(result["stdout"] for result in results) == wanted["stdout"]


@pytest.mark.parametrize("theme", corpus.themes())
def test_plain_python_still_prints_what_was_recorded(theme):
    done = subprocess.run(
        [sys.executable, str(HERE / "plain.py"), theme], capture_output=True, text=True, check=True, timeout=100
    )
    assert json.loads(done.stdout) == corpus.expected(theme)
