"""The ring that waits for a turn before each call: the rates of a cluster, kept outside this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Request
from rlm_async.core.tokens import tokens_at_most
from rlm_async.ports import Model

Used = Callable[[int], None]
Turn = Callable[[int], Awaitable[Used]]
"""Waits for a turn for a call of at most so many tokens; what it gives is told the tokens really used."""

UNKNOWN_OUTPUT = 4_096
"""Completion tokens of a call that names no maximum."""


class Turns:
    """A model whose calls wait for a turn of the model that they name."""

    def __init__(self, model: Model, pace: Callable[[str], Turn]) -> None:
        """Pace the calls of `model`."""
        self._model = model
        self._pace = pace
        self._turns: dict[str, Turn] = {}

    async def __call__(self, request: Request, budget: Budget) -> Completion:
        """Answer when it is this call's turn."""
        turn = self._turns.get(request.model)
        if turn is None:
            turn = self._turns[request.model] = self._pace(request.model)
        prompt = sum(tokens_at_most(message.text) for message in request.messages)
        used = await turn(prompt + (request.max_tokens or UNKNOWN_OUTPUT))
        completion = await self._model(request, budget)
        used(completion.usage.tokens)
        return completion
