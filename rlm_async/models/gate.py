"""The ring that makes calls wait: concurrency and rates of one model, shared by all runs of a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace

import anyio

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Place, Request
from rlm_async.core.usage import Rates
from rlm_async.errors import ModelError, RateLimited
from rlm_async.models.bill import Bill
from rlm_async.models.tariff import Tariff
from rlm_async.models.turnstile import Ticket, Turnstile
from rlm_async.ports import Model

_TICK = 0.001
"""The shortest sleep in seconds: rounding must not make a loop spin."""
PATIENCE = 180.0
"""Where a provider asks for a longer pause (a daily quota), calls are refused rather than kept waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateStatistics:
    """A gate at one moment. `ceiling` is how many may be in flight now; `paused` is in seconds."""

    in_flight: int
    waiting: int
    ceiling: int
    peak: int
    admitted: int
    overloads: int
    paused: float


class _Waiting(Ticket):
    """A ticket that can be woken."""

    __slots__ = ("woken",)

    def __init__(self, place: Place, tokens: int) -> None:
        super().__init__(place, tokens, used=tokens)
        self.woken = anyio.Event()


class Gate:
    """Lets calls through in turn. Not thread-safe: one event loop at a time.

    There is no task behind it: of those that wait, one (the leader) keeps the time for all, and hands
    over when it goes. `patience` is the longest pause in seconds that is waited for.
    """

    def __init__(
        self, rates: Rates, clock: Callable[[], float] = anyio.current_time, patience: float = PATIENCE
    ) -> None:
        """Open a gate with the rates of one model."""
        self._turnstile = Turnstile(rates)
        self._clock = clock
        self._patience = patience
        self._leader: _Waiting | None = None
        self._due = 0.0
        self._peak = 0
        self._admitted = 0
        self._overloads = 0

    @asynccontextmanager
    async def turn(self, place: Place, tokens: int) -> AsyncIterator[Ticket]:
        """Wait for a turn and hold it; set `used` on the ticket where less than `tokens` was used.

        Raises RateLimited where the provider wants a pause beyond patience.
        """
        ticket = _Waiting(place, tokens)
        self._turnstile.lineup.add(ticket)
        try:
            await self._wait(ticket)
            yield ticket
        finally:
            if ticket.admitted is None:
                self._turnstile.lineup.drop(ticket)
            else:
                self._turnstile.finish(ticket, self._clock())
            if self._leader is ticket:
                self._leader = None
            self._admit()

    def report(self, ticket: Ticket, error: ModelError | None) -> None:
        """Learn from how an attempt ended: fewer at once where the provider was overloaded."""
        if error is None:
            self._turnstile.prosper()
        elif isinstance(error, RateLimited):
            self._overloads += 1
            self._turnstile.overload(ticket, self._clock(), error.retry_after)

    def statistics(self) -> GateStatistics:
        """Figures of now."""
        turnstile = self._turnstile
        return GateStatistics(
            in_flight=turnstile.in_flight,
            waiting=turnstile.lineup.size,
            ceiling=int(turnstile.ceiling),
            peak=self._peak,
            admitted=self._admitted,
            overloads=self._overloads,
            paused=turnstile.paused(self._clock()),
        )

    async def _wait(self, ticket: _Waiting) -> None:
        self._admit(ticket)
        while ticket.admitted is None:
            pause = self._turnstile.paused(self._clock())
            if pause > self._patience:
                raise RateLimited(f"the provider asked for a pause of {pause:.0f} seconds", pause)
            delay = self._lead(ticket)
            with nullcontext() if delay is None else anyio.move_on_after(delay):
                await ticket.woken.wait()
            if ticket.admitted is None:
                ticket.woken = anyio.Event()
                if self._leader is ticket:
                    self._leader = None
                self._admit(ticket)

    def _lead(self, ticket: _Waiting) -> float | None:
        """Seconds after which to look again; None for one who is woken by others."""
        now = self._clock()
        delay = self._turnstile.next(now)
        if delay is None or self._leader is not None:
            return None
        self._leader = ticket
        self._due = now + delay
        return max(delay, _TICK)

    def _admit(self, caller: _Waiting | None = None) -> None:
        """Let through who may go, and see to it that one of the others keeps the time.

        A `caller` that stays in line becomes the leader itself where there is none.
        """
        now = self._clock()
        for ticket in self._turnstile.admit(now):
            self._admitted += 1
            if ticket is self._leader:
                self._leader = None
            _wake(ticket)
        self._peak = max(self._peak, self._turnstile.in_flight)
        delay = self._turnstile.next(now)
        if delay is None:
            return
        if self._leader is None:
            if caller is None or caller.admitted is not None:
                _wake(self._turnstile.lineup.first())
        elif now + delay < self._due:
            _wake(self._leader)


def _wake(ticket: Ticket | None) -> None:
    if isinstance(ticket, _Waiting):
        ticket.woken.set()


class Gated:
    """A model behind a gate: each attempt waits its turn."""

    def __init__(
        self, model: Model, gate: Gate, tariff: Tariff, clock: Callable[[], float] = anyio.current_time
    ) -> None:
        """Put `model` behind `gate`; `tariff` says how many tokens an attempt may take."""
        self._model = model
        self._gate = gate
        self._tariff = tariff
        self._clock = clock

    async def __call__(self, request: Request, budget: Budget) -> Completion:
        """Answer when it is this request's turn; fills in `waited` and `seconds`."""
        came = self._clock()
        held = budget.held.tokens if isinstance(budget, Bill) else 0
        tokens = held or self._tariff.tokens(request)
        async with self._gate.turn(request.place, tokens) as ticket:
            began = self._clock()
            ticket.used = tokens - (request.max_tokens or 0)  # as long as nothing is known: the prompt
            try:
                completion = await self._model(request, budget)
            except ModelError as error:
                ticket.used = self._tariff.presumed(request, error).tokens
                self._gate.report(ticket, error)
                raise
            ticket.used = completion.usage.tokens
            self._gate.report(ticket, None)
        return replace(completion, waited=began - came, seconds=self._clock() - began)
