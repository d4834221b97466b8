"""A host that answers in whatever order the test wants, and counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rlm_async.sandbox.interpreter import Interpreter, Settings

Reply = dict[str, object]


def said(value: object) -> Reply:
    return {"value": value, "error": None, "message": "", "status": "complete"}


def failed(name: str, message: str = "went wrong") -> Reply:
    return {"value": None, "error": name, "message": message, "status": "failed"}


def echo(op: str, payload: Mapping[str, object]) -> Reply:
    """The usual model: says yes to every prompt, fails where the prompt says FAIL."""
    if op == "tool":
        return said([payload["name"], payload["arguments"], payload["named"]])
    prompt = str(payload["prompt"])
    return failed("ModelUnavailable", f"no answer to {prompt}") if "FAIL" in prompt else said(f" yes {prompt} ")


class FakeLink:
    """Replies come only while somebody waits; `order` picks which of the open tickets is answered first."""

    def __init__(
        self,
        answer: Callable[[str, Mapping[str, object]], Reply] = echo,
        order: Callable[[list[int]], int] = min,
    ) -> None:
        self.answer = answer
        self.order = order
        self.calls: list[tuple[str, Mapping[str, object]]] = []
        self.prompts: list[str] = []
        self.cancelled: list[str] = []
        self.peak = 0
        self.waits = 0
        self._open: dict[int, tuple[str, Mapping[str, object]]] = {}
        self._replies: dict[int, object] = {}

    def call(self, op: str, payload: object) -> int:
        ticket = len(self.calls) + 1
        self.calls.append((op, payload))
        if op == "budget":
            self._replies[ticket] = {"calls": 10, "tokens": 1000, "usd": None, "seconds": 60.0, "depth": 1}
            return ticket
        if op == "query":
            self.prompts.append(payload["prompt"])
        self._open[ticket] = (op, payload)
        self.peak = max(self.peak, len(self._open))
        return ticket

    def ready(self, ticket: int) -> bool:
        return ticket in self._replies

    def wait(self, tickets: Sequence[int]) -> None:
        assert tickets, "waiting for nothing would hang"
        self.waits += 1
        assert any(ticket in self._open or ticket in self._replies for ticket in tickets), "waiting for the past"
        while not any(ticket in self._replies for ticket in tickets):
            chosen = self.order(sorted(self._open))
            self._replies[chosen] = self.answer(*self._open.pop(chosen))

    def take(self, ticket: int) -> object:
        return self._replies.pop(ticket)

    def cancel(self, ticket: int) -> None:
        op, payload = self._open.pop(ticket, ("", {}))
        self._replies.pop(ticket, None)
        self.cancelled.append(str(payload.get("prompt", op)))

    @property
    def left(self) -> int:
        return len(self._open) + len(self._replies)


class Repl:
    """An interpreter and its link, with what tests want to see of both."""

    def __init__(self, context: object = "some text", link: FakeLink | None = None, **settings: object) -> None:
        self.link = link or FakeLink()
        self.interpreter = Interpreter(context, self.link, Settings(**settings))
        self.result: dict[str, object] = {}

    def run(self, source: str) -> str:
        """Run a cell that must succeed; its output."""
        self.result = self.interpreter.run(source)
        assert self.result["error"] is None, self.result
        assert self.result["outcome"] == "ok"
        return self.result["stdout"]

    def fails(self, source: str) -> dict[str, object]:
        """Run a cell that must fail; its error."""
        self.result = self.interpreter.run(source)
        assert self.result["error"] is not None, self.result
        return self.result["error"]

    def value(self, name: str) -> object:
        return self.interpreter._space.variables()[name]
