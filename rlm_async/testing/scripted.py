"""A model that answers by a script: the public fake of the `Model` port."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping

import anyio

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Request
from rlm_async.core.usage import Usage

Scripted = str | Completion | Exception
Script = Scripted | Iterable[Scripted] | Mapping[str, Scripted] | Callable[[Request], Scripted | Awaitable[Scripted]]


class ScriptedModel:
    """Answers from a list in order, by a function, by the first pattern found in the prompt, or always the same.

    An exception in the script is raised; a single text, completion or exception is given every time. A
    text is counted as a token for each word, and costs nothing; give a whole `Completion` for anything
    else. `requests` keeps what was asked, in order of arrival; `in_flight` and `peak` say how many were
    asked at once. `latency` is in seconds.
    """

    def __init__(
        self,
        script: Script,
        *,
        latency: float | Callable[[Request], float] = 0.0,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """Take the script; a list that runs out raises AssertionError, which no ring catches."""
        self._answer = _reader(script)
        self._latency = latency
        self._sleep = sleep
        self.requests: list[Request] = []
        self.in_flight = 0
        self.peak = 0

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return len(self.requests)

    @property
    def prompts(self) -> list[str]:
        """The last message of each request."""
        return [_prompt(request) for request in self.requests]

    async def __call__(self, request: Request, budget: Budget) -> Completion:  # noqa: ARG002 - part of the port
        """Answer as the script says."""
        self.requests.append(request)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            answer = self._answer(request)
            if isinstance(answer, Awaitable):
                answer = await answer
            await self._sleep(self._latency(request) if callable(self._latency) else self._latency)
        finally:
            self.in_flight -= 1
        if isinstance(answer, Exception):
            raise answer
        return _spoken(answer, request) if isinstance(answer, str) else answer


def _reader(script: Script) -> Callable[[Request], Scripted | Awaitable[Scripted]]:
    if isinstance(script, str | Completion | Exception):
        return lambda _: script
    if callable(script):
        return script
    if isinstance(script, Mapping):
        return _by_pattern([(re.compile(pattern, re.DOTALL), answer) for pattern, answer in script.items()])
    return _in_order(list(script))


def _by_pattern(rules: list[tuple[re.Pattern[str], Scripted]]) -> Callable[[Request], Scripted]:
    def answer(request: Request) -> Scripted:
        prompt = _prompt(request)
        for pattern, reply in rules:
            if pattern.search(prompt):
                return reply
        raise AssertionError(f"no pattern of the script matches {prompt[:200]!r}")

    return answer


def _in_order(replies: list[Scripted]) -> Callable[[Request], Scripted]:
    rest = iter(replies)

    def answer(request: Request) -> Scripted:
        for reply in rest:
            return reply
        raise AssertionError(f"the script of {len(replies)} replies has run out at {_prompt(request)[:200]!r}")

    return answer


def _prompt(request: Request) -> str:
    return request.messages[-1].text if request.messages else ""


def _spoken(text: str, request: Request) -> Completion:
    words = text.split()
    finish = "stop"
    if request.max_tokens is not None and len(words) > request.max_tokens:
        text, finish = " ".join(words[: request.max_tokens]), "length"
    usage = Usage(
        calls=1,
        prompt_tokens=sum(len(message.text.split()) for message in request.messages),
        completion_tokens=len(text.split()),
    )
    return Completion(text=text, usage=usage, model=request.model, finish=finish)
