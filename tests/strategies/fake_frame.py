"""A small Frame of our own: scripted replies, and a session that runs trusted code in this process."""

from __future__ import annotations

import ast
import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field

from rlm_async.core.context import Context
from rlm_async.core.messages import Completion, Request
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.core.query import Query
from rlm_async.core.transcript import CodeError, Output, Submission
from rlm_async.core.usage import Limits, ModelInfo
from rlm_async.errors import BudgetExceeded

Reply = str | Exception | Completion | Callable[[Request], str]
NOTHING = object()


class Session:
    """Runs code with `exec`: no wall at all, for code that these tests wrote themselves."""

    def __init__(self, context: Context):
        self.answered = NOTHING
        self.answer = {"content": None, "ready": False}
        documents = {document.name: document.text for document in context}
        self.names = {
            "context": context.text if context.shape == "text" else documents,
            "answer": self.answer,
            "FINAL": self._submit,
            "SUBMIT": self._submit,
            "FINAL_VAR": lambda name: self._submit(self.names[name]),
            "show_vars": lambda: "kept: int = 1",
            "llm_query": lambda prompt, **_: f"yes: {prompt[:40]}",
            "llm_query_batched": lambda prompts, **_: [f"yes: {prompt[:40]}" for prompt in prompts],
        }

    def run(self, code: str) -> Output:
        printed = io.StringIO()
        self.answered = NOTHING
        error = None
        with contextlib.redirect_stdout(printed):
            try:
                self._execute(code)
            except Exception as raised:  # noqa: BLE001 - whatever the code raises is its output
                error = CodeError(type(raised).__name__, str(raised), 1, code.splitlines()[0])
        text = printed.getvalue()
        content = self.answer["content"]
        if self.answered is NOTHING and self.answer["ready"]:
            self.answered = content
        return Output(
            stdout=text,
            stdout_characters=len(text),
            error=error,
            outcome="error" if error else "ok",
            answer=None if self.answered is NOTHING else Submission(self.answered),
            draft=None if content is None or self.answer["ready"] else Submission(content),
        )

    def _execute(self, code: str) -> None:
        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), self.names)  # noqa: S102 - our own code
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), self.names)  # noqa: S307 - our own code
            if value is not None:
                print(value)

    def _submit(self, value: object) -> None:
        if callable(value):
            raise TypeError("not plain data")
        self.answered = value


@dataclass
class FakeFrame:
    """A Frame whose model says what a script says. `session` may be replaced by a list of Outputs."""

    query: Query
    replies: list[Reply]
    limits: Limits = field(default_factory=Limits)
    depth: int = 0
    sub_model: str = "sub"
    tools: dict[str, str] = field(default_factory=dict)
    infos: dict[str, ModelInfo] = field(default_factory=dict)
    profile: Profile = PLAIN
    last_tokens: int = 0
    remaining: dict[str, float | None] = field(default_factory=dict)
    outputs: list[Output | Exception] | None = None
    asked: list[tuple[Request, bool]] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    choices: list[tuple[str, str]] = field(default_factory=list)
    folds: list[tuple[str, int, int, int]] = field(default_factory=list)

    def __post_init__(self):
        self.session = Session(self.query.context)

    def info(self, model: str) -> ModelInfo:
        return self.infos.get(model, ModelInfo(name=model))

    def left(self) -> dict[str, float | None]:
        return {"calls": 100, "tokens": None, "usd": None, "seconds": None, "depth": 1, **self.remaining}

    def chose(self, strategy: str, reason: str) -> None:
        self.choices.append((strategy, reason))

    def folded(self, policy: str, turns: int, before: int, after: int) -> None:
        self.folds.append((policy, turns, before, after))

    async def ask(self, request: Request, *, last: bool = False) -> Completion:
        self.asked.append((request, last))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Completion):
            return reply
        return Completion(text=reply if isinstance(reply, str) else reply(request))

    async def run(self, code: str) -> Output:
        self.ran.append(code)
        if self.outputs is None:
            return self.session.run(code)
        output = self.outputs.pop(0)
        if isinstance(output, Exception):
            raise output
        return output

    def prompt(self, turn: int = -1) -> str:
        """All that the model was shown at one of its turns."""
        return "\n".join(message.text for message in self.asked[turn][0].messages)


def code(*lines: str) -> str:
    """A reply that holds one block of code."""
    return "```repl\n" + "\n".join(lines) + "\n```"


def out_of(resource: str) -> BudgetExceeded:
    return BudgetExceeded("the run", resource, 1, 0)
