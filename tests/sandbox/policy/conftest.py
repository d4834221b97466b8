"""Cells under the policy, with a scripted host."""

from __future__ import annotations

import inspect

import pytest

from rlm_async.sandbox.policy import Guards, Handle, compile_cell


class Answer:
    """A call whose value is there as soon as somebody asks; counts who asked."""

    def __init__(self, value):
        self.value = value
        self.asked = 0

    def done(self):
        return True

    def tickets(self):
        return ()

    def result(self):
        self.asked += 1
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Repl:
    """One namespace; runs cells and keeps what they print."""

    def __init__(self, **options):
        self.printed = []
        self.calls = []
        functions = {"llm_query": self._ask, "lazy": self._lazy, **options.pop("functions", {})}
        self.guards = Guards(self.printed.append, functions, **options)
        self.names = self.guards.namespace()
        self._cells = 0

    def _ask(self, prompt, model=None):
        self.calls.append(prompt)
        return f"answer to {prompt}"

    def _lazy(self, value):
        call = Answer(value)
        self.calls.append(call)
        return Handle(call)

    @property
    def output(self):
        return "".join(self.printed)

    def run(self, source):
        """Run a cell; the value of its last expression."""
        self._cells += 1
        cell = compile_cell(source, f"<cell {self._cells}>")
        value = None
        for code in filter(None, (cell.code, cell.echo)):
            value = drive(eval(code, self.names))  # noqa: S307  # running cells is the purpose
        return value


def drive(value):
    """The result of a coroutine that waits for nothing."""
    if not inspect.iscoroutine(value):
        return value
    try:
        value.send(None)
    except StopIteration as stop:
        return stop.value
    value.close()
    raise AssertionError("the cell waits for something")


@pytest.fixture
def repl():
    return Repl()
