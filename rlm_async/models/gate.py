"""The ring that makes calls wait: concurrency and rates of one model, shared by all runs of a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from threading import Lock

import anyio

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Guess, Place, Request
from rlm_async.core.usage import Rates
from rlm_async.errors import ModelError, RateLimited
from rlm_async.models.alarm import Alarm
from rlm_async.models.bill import Bill
from rlm_async.models.tariff import Tariff
from rlm_async.models.turnstile import Ticket, Turnstile
from rlm_async.ports import Model

_TICK = 0.001
"""The shortest sleep in seconds: rounding must not make a loop spin."""
_LATE = 1.0
"""A leader so many seconds behind its time belongs to a loop that is stuck or gone: the next to come takes over."""
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
    """A ticket that can be woken; most are let through at once and never need to be."""

    __slots__ = ("alarm",)

    def __init__(self, place: Place, tokens: int, guess: Guess | None = None) -> None:
        super().__init__(place, tokens, used=tokens, guess=guess)
        self.alarm: Alarm | None = None


class Gate:
    """Lets calls through in turn, whichever event loop or thread they come from.

    There is no task behind it: of those that wait, one (the leader) keeps the time for all, and hands
    over when it goes. `clock` gives seconds that all who come agree on; `patience` is the longest pause in
    seconds that is waited for.
    """

    def __init__(
        self, rates: Rates, clock: Callable[[], float] = anyio.current_time, patience: float = PATIENCE
    ) -> None:
        """Open a gate with the rates of one model."""
        self._turnstile = Turnstile(rates)
        self._clock = clock
        self._patience = patience
        self._lock = Lock()
        """Held for steps that never wait: who is in line, who may go."""
        self._leader: _Waiting | None = None
        self._due = 0.0
        self._peak = 0
        self._admitted = 0
        self._overloads = 0
        self._resting_until = float("-inf")

    async def enter(self, place: Place, tokens: int, guess: Guess | None = None) -> Ticket:
        """Wait for a turn, which `leave` gives back; with a `guess`, behind all others, and out of their way.

        Raises RateLimited where the provider wants a pause beyond patience.
        """
        if guess is not None and guess.wanted:
            guess = None
        ticket = _Waiting(place, tokens, guess)
        with self._lock:
            if self._turnstile.lineup.size == 0 and self._turnstile.walk_in(ticket, self._clock()):
                self._count()
                return ticket
            self._turnstile.lineup.add(ticket)
            if guess is not None:
                guess.queued = True
            in_the_way = None if guess is not None else self._turnstile.in_the_way()
        if in_the_way is not None:
            in_the_way.withdraw()
        try:
            await self._wait(ticket)
        except BaseException:
            self.leave(ticket)
            raise
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give a turn back, or a place in line; set `used` before where less than the ticket's tokens was used."""
        with self._lock:
            if ticket.admitted is None:
                self._turnstile.lineup.drop(ticket)
            else:
                self._turnstile.finish(ticket, self._clock())
            if self._leader is ticket:
                self._leader = None
            if self._turnstile.lineup.size:
                self._admit()

    @asynccontextmanager
    async def turn(self, place: Place, tokens: int) -> AsyncIterator[Ticket]:
        """A turn for the length of the block."""
        ticket = await self.enter(place, tokens)
        try:
            yield ticket
        finally:
            self.leave(ticket)

    def report(self, ticket: Ticket, error: ModelError | None) -> None:
        """Learn from how an attempt ended: fewer at once where the provider was overloaded."""
        with self._lock:
            if error is None:
                self._turnstile.prosper(ticket, self._clock())
            elif isinstance(error, RateLimited):
                self._overloads += 1
                self._turnstile.overload(ticket, self._clock(), error.retry_after)

    def configure(self, rates: Rates) -> None:
        """Go on with other rates; what was let through before still counts."""
        with self._lock:
            self._turnstile.configure(rates)
            self._admit()

    def expect_new_connections(self) -> None:
        """A new pool of connections is going to be used: its first requests arrive later than they go."""
        with self._lock:
            self._turnstile.chill()

    def rest(self, seconds: float) -> None:
        """The model is down: who has another one passes this one over for a while."""
        self._resting_until = self._clock() + seconds

    @property
    def resting(self) -> bool:
        """Whether the model was found to be down a short while ago."""
        return self._clock() < self._resting_until

    @property
    def forgettable(self) -> bool:
        """Whether nothing is known here any more that a new gate would not know."""
        with self._lock:
            return not self.resting and self._turnstile.idle(self._clock())

    def statistics(self) -> GateStatistics:
        """Figures of now."""
        turnstile = self._turnstile
        with self._lock:
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
        while True:
            with self._lock:
                self._admit(ticket)
                if ticket.admitted is not None:
                    self._turnstile.start(ticket, self._clock())
                    return
                pause = self._turnstile.paused(self._clock())
                if pause > self._patience:
                    raise RateLimited(f"the provider asked for a pause of {pause:.0f} seconds", pause)
                delay = self._lead(ticket)
                alarm = ticket.alarm = Alarm()
            with nullcontext() if delay is None else anyio.move_on_after(delay):
                await alarm.wait()
            with self._lock:
                if self._leader is ticket:
                    self._leader = None

    def _lead(self, ticket: _Waiting) -> float | None:
        """Seconds after which to look again; None for one who is woken by others."""
        now = self._clock()
        delay = self._turnstile.next(now)
        if delay is None or (self._leader is not None and now < self._due + _LATE):
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
            if ticket is self._leader:
                self._leader = None
            if self._woken(ticket):
                self._count()
            else:
                self._turnstile.finish(ticket, now)
        delay = self._turnstile.next(now)
        if delay is None:
            return
        if self._leader is None:
            if caller is None or caller.admitted is not None:
                self._hand_over()
        elif now + delay < self._due:
            self._woken(self._leader)

    def _count(self) -> None:
        self._admitted += 1
        self._peak = max(self._peak, self._turnstile.in_flight)

    def _hand_over(self) -> None:
        """Wake the first in line, to keep the time; those whose loop has ended are taken out."""
        while (first := self._turnstile.lineup.first()) is not None and not self._woken(first):
            self._turnstile.lineup.drop(first)

    @staticmethod
    def _woken(ticket: Ticket) -> bool:
        if not isinstance(ticket, _Waiting) or ticket.alarm is None:
            return True  # it is the caller, or has not gone to sleep yet
        return ticket.alarm.ring()


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
        ticket = await self._gate.enter(request.place, tokens, request.guess)
        try:
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
        finally:
            self._gate.leave(ticket)
        return replace(completion, waited=began - came, seconds=self._clock() - began)
