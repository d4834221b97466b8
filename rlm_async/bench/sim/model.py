"""The simulated model: an ordinary Model that measures the orchestrator. No score of it is any model's score."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random

import anyio

from rlm_async.bench.sim.habits import Habits, heard
from rlm_async.bench.sim.knowledge import Knowledge
from rlm_async.bench.sim.mind import Reading
from rlm_async.bench.sim.planner import Planner, plans
from rlm_async.bench.sim.profile import Profile, Weather
from rlm_async.bench.sim.programs import Policy
from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Message, Request
from rlm_async.core.tokens import estimate_tokens
from rlm_async.core.usage import ModelInfo, Usage
from rlm_async.errors import ContextOverflow, RateLimited

_LIVE = re.compile(r"(?m)^Left: .*$")
"""What is left to spend differs from run to run and must not decide what is said."""


class SimulatedModel:
    """Answers by hash(seed, prompt), whatever the order and the number of requests at once.

    Of a conversation with a root the system prompt and the lines about the budget are not hashed: they tell
    live facts, such as how many requests may run at once.
    """

    def __init__(
        self,
        profile: Profile,
        knowledge: Knowledge,
        *,
        policy: Policy | None = None,
        seed: int = 0,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """Take what it is like, what it knows, how it plans."""
        self.profile = profile
        self.info = ModelInfo(
            name=profile.name, window=profile.window, max_output=profile.max_output, price=profile.price
        )
        self.in_flight = 0
        self.peak = 0
        self.calls = 0
        self._knowledge = knowledge
        self._policy = policy or Policy()
        self._seed = seed
        self._sleep = sleep
        self._refused: set[str] = set()

    async def __call__(self, request: Request, budget: Budget) -> Completion:  # noqa: ARG002 - part of the port
        """Answer, when the time has come."""
        name = self._name(request)
        self.calls += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            return await self._answered(request, name)
        finally:
            self.in_flight -= 1

    async def _answered(self, request: Request, name: str) -> Completion:
        weather = self.profile.weather
        chance = Random(f"{name}/when")
        self._refuse(name, chance, weather)
        tokens = sum(estimate_tokens(message.text) + 4 for message in request.messages)
        if tokens > self.profile.window:
            raise ContextOverflow(
                f"maximum context length is {self.profile.window} tokens. However, your messages resulted in {tokens}"
            )
        text, finish = _cut(self._said(request, tokens, Random(f"{name}/what")), request.max_tokens)
        completion = estimate_tokens(text)
        await self._sleep(seconds(weather, tokens, completion, chance))
        usage = Usage(calls=1, prompt_tokens=tokens, completion_tokens=completion)
        price = self.profile.price.nanos(tokens, completion)
        return Completion(text=text, usage=replace(usage, nanos=price), model=self.profile.name, finish=finish)

    def _refuse(self, name: str, chance: Random, weather: Weather) -> None:
        full = weather.capacity is not None and self.in_flight > weather.capacity
        if chance.random() < weather.refusals and name not in self._refused:
            self._refused.add(name)
            full = True
        if full:
            raise RateLimited("rate limit reached", weather.retry_after)

    def _said(self, request: Request, tokens: int, chance: Random) -> str:
        if plans(request.messages):
            return Planner(self.profile, self._policy, chance, self._habits(request)).reply(request.messages)
        prompt = "\n".join(message.text for message in request.messages)
        return Reading(self._knowledge, self.profile, tokens, chance).reply(prompt)

    def _habits(self, request: Request) -> Habits | None:
        """Those of the root of a conversation; the same in all its turns, whatever its prompt says."""
        if self._policy.name != "hasty":
            return None
        luck = f"{self._seed}/{self.profile.name}/{request.sample}/{spoken(request.messages)[0]}"
        return Habits(heard(request.messages[0].text), self.profile.heeds, luck)

    def _name(self, request: Request) -> str:
        """A prompt by its content, in hexadecimal."""
        parts = spoken(request.messages) if plans(request.messages) else [m.text for m in request.messages]
        state = hashlib.blake2b(f"{self._seed}/{self.profile.name}/{request.sample}".encode(), digest_size=16)
        for part in parts:
            state.update(b"\x00" + part.encode("utf-8", "surrogatepass"))
        return state.hexdigest()


def spoken(messages: Sequence[Message]) -> list[str]:
    """What was said in a conversation with a root, without its live facts."""
    return [_LIVE.sub("", message.text) for message in messages[1:]]


def seconds(weather: Weather, prompt: int, completion: int, chance: Random) -> float:
    """How long a reply takes."""
    first = weather.first * chance.lognormvariate(0.0, weather.spread) + prompt / weather.prefill
    whole = first + completion / weather.decode * chance.lognormvariate(0.0, weather.spread / 2)
    return whole * (weather.slow if chance.random() < weather.stragglers else 1.0)


def _cut(text: str, most: int | None) -> tuple[str, str]:
    """A reply of at most so many tokens, and how it finished."""
    tokens = estimate_tokens(text)
    if most is None or tokens <= most:
        return text, "stop"
    return text[: int(len(text) * most / tokens)], "length"
