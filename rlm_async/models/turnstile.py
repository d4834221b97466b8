"""Who may go now: the rules of a gate, without a clock, a loop or a wait of their own.

All times are seconds of one clock, handed in with each call. `Gate` does the waiting.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from threading import get_ident

from rlm_async.core.messages import Guess, Place
from rlm_async.core.usage import Rates
from rlm_async.models.window import Window

MINUTE = 60.0
_SECOND = 1.02
"""Providers enforce a minute's rate by the second too; 2 % more, because requests arrive late by different amounts."""
_COLD = 10.0
_LATE, _LATEST = 0.1, 0.5
"""After so many seconds of rest connections are made anew, and a request over a new one arrives later than it went.

Nobody tells how much: 0.1 s is assumed until the reply is there, then its time (at most 0.5 s). New is every
connection beyond as many as were in use at once since the rest.
"""
_LATEST_WARM = 0.25
_THERE = 0.5
_SLOWER = 1.05
"""A server counts a request when it arrives. Of the excess of a reply's time over the fastest one's, of late, half is
taken for the lateness of its arrival, to at most 0.25 s, and half for the way back; the fastest is forgotten by 5 %
with each reply.
"""
_FRIENDLY_BURST = 10
"""A low rate may still be used at once up to this: ten calls of a limit of ten a minute need no pacing."""


@dataclass(slots=True, eq=False)
class Ticket:
    """One attempt at the gate: `tokens` at most, `used` as far as is known when it ends."""

    place: Place
    tokens: int
    used: int = 0
    guess: Guess | None = None
    """Given where nobody waits for it yet."""
    admitted: float | None = None
    gone: bool = False
    cold: bool = False
    started: float = 0.0
    entry: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)


class Lineup:
    """Who waits: runs take turns; within a run deepest first, then the oldest node, then first come.

    Behind all of them stand those that nobody waits for yet.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._runs: OrderedDict[str, list[tuple[int, int, int, Ticket]]] = OrderedDict()
        self._guesses: deque[Ticket] = deque()
        self._arrivals = 0
        self.size = 0

    def add(self, ticket: Ticket) -> None:
        """Take a place."""
        self._arrivals += 1
        self.size += 1
        if ticket.guess is not None:
            self._guesses.append(ticket)
            return
        place = ticket.place
        heapq.heappush(self._runs.setdefault(place.run, []), (-place.depth, place.node, self._arrivals, ticket))

    def drop(self, ticket: Ticket) -> None:
        """Give the place up."""
        if not ticket.gone:
            ticket.gone = True
            self.size -= 1

    def first(self) -> Ticket | None:
        """Whose turn it is."""
        while self._runs:
            run, heap = next(iter(self._runs.items()))
            while heap and heap[0][-1].gone:
                heapq.heappop(heap)
            if heap:
                return heap[0][-1]
            del self._runs[run]
        while self._guesses and self._guesses[0].gone:
            self._guesses.popleft()
        return self._guesses[0] if self._guesses else None

    def pop(self) -> None:
        """The first goes; its run is last in turn now."""
        ticket = self.first()
        if ticket is None:
            return
        if ticket.guess is not None:
            self._guesses.popleft()
            self.size -= 1
            return
        heapq.heappop(self._runs[ticket.place.run])
        self._runs.move_to_end(ticket.place.run)
        self.size -= 1


class Turnstile:
    """Concurrency, requests and tokens a minute, pauses; and who is next.

    Concurrency adapts as TCP's window does (Chiu and Jain, 1989): halved when the provider is overloaded,
    at most once for what was in flight together, and one more after each round that went well. Bursts adapt
    too: a provider that says wait although its rate is kept counts over a shorter time than was thought, or
    somebody else asks it too; which of them, a minute without a refusal will tell.
    The first in line is never passed by a smaller one, so large calls do not starve.
    """

    def __init__(self, rates: Rates) -> None:
        """Start open."""
        self.ceiling = 1.0
        self.in_flight = 0
        self.lineup = Lineup()
        self._guessing: list[Ticket] = []
        """Those in flight that nobody waited for when they went."""
        self._most = 1.0
        self._cut_at = -math.inf
        self._paused_until = -math.inf
        self._requests: Window | None = None
        self._bursts: Window | None = None
        self._fine: Window | None = None
        """Smaller bursts within shorter times, once the provider has refused larger ones."""
        self._fineness = 0
        """How often they were halved."""
        self._tokens: Window | None = None
        self._refused = -math.inf
        self._last = -math.inf
        self._opened = 0
        """Connections that are there, as far as can be known: the most in flight at once since the last rest."""
        self._fastest = math.inf
        """Seconds of the fastest reply of late: what took longer may have arrived later."""
        self.configure(rates)

    def configure(self, rates: Rates) -> None:
        """Go on with these rates; what was let through before still counts."""
        most = float(max(rates.concurrency, 1))
        self.ceiling = most if self.ceiling >= self._most else min(self.ceiling, most)
        self._most = most
        per_minute = rates.requests_per_minute
        self._requests = _window(self._requests, per_minute, MINUTE)
        self._bursts = _window(self._bursts, None if per_minute is None else _burst(per_minute), _SECOND)
        self._fine = None if per_minute is None else self._finer(per_minute)
        self._tokens = _window(self._tokens, rates.tokens_per_minute, MINUTE)

    def admit(self, now: float) -> list[Ticket]:
        """Let everyone in line through who may go now."""
        admitted = []
        while self.next(now) == 0 and (ticket := self.lineup.first()):
            self.lineup.pop()
            self._let(ticket, now)
            admitted.append(ticket)
        return admitted

    def walk_in(self, ticket: Ticket, now: float) -> bool:
        """Let someone through who finds nobody in line, if that may be now."""
        if self._is_full_for(ticket) or self._delay(ticket, now) > 0:
            return False
        self._let(ticket, now)
        return True

    def next(self, now: float) -> float | None:
        """Seconds until the first in line may go by the passing of time; None where someone must finish first."""
        ticket = self.lineup.first()
        if ticket is None or self._is_full_for(ticket):
            return None
        return self._delay(ticket, now)

    def _is_full_for(self, ticket: Ticket) -> bool:
        """Whether somebody must finish first; where only one may go at a time, a guess would always be in the way."""
        most = int(self.ceiling)
        return self.in_flight >= most or (ticket.guess is not None and most == 1)

    def start(self, ticket: Ticket, now: float) -> None:
        """Someone who had to wait goes only now: many were woken at once, and each takes a moment to start."""
        ticket.started = now
        if self._bursts is not None and ticket.second and now > ticket.second[0]:
            self._bursts.move(ticket.second, now, now)

    def finish(self, ticket: Ticket, now: float) -> None:
        """An attempt has ended: what it did not use is given back."""
        self.in_flight -= 1
        if ticket.guess is not None:
            self._guessing.remove(ticket)
        if self._tokens is not None and ticket.entry:
            self._tokens.correct(ticket.entry, ticket.used, now)
        if self._bursts is not None and ticket.cold and ticket.second and ticket.admitted is not None:
            self._bursts.move(ticket.second, min(now, ticket.admitted + _LATEST), now)

    def in_the_way(self) -> Guess | None:
        """The last of those in flight that nobody waits for, where there is no room for another; no longer one then."""
        if self.in_flight < int(self.ceiling):
            return None
        for ticket in reversed(self._guessing):
            if ticket.guess is not None and not ticket.guess.wanted and ticket.guess.thread == get_ident():
                self._guessing.remove(ticket)
                guess, ticket.guess = ticket.guess, None
                return guess
        return None

    def prosper(self, ticket: Ticket | None = None, now: float = 0.0) -> None:
        """An attempt went well; how long it took says how late it may have arrived."""
        if ticket is not None and self._bursts is not None and ticket.second and not ticket.cold:
            taken = now - ticket.started
            self._fastest = min(taken, self._fastest * _SLOWER)
            late = min((taken - self._fastest) * _THERE, _LATEST_WARM)
            if ticket.started + late > ticket.second[0]:
                self._bursts.move(ticket.second, ticket.started + late, now)
        if self.ceiling < self._most:
            self.ceiling = min(self._most, self.ceiling + 1 / self.ceiling)

    def overload(self, ticket: Ticket, now: float, pause: float | None) -> None:
        """The provider said wait: everyone does, for `pause` seconds where it named them, and fewer at once after."""
        if ticket.admitted is not None and ticket.admitted >= self._cut_at:
            self.ceiling = max(1.0, self.ceiling / 2)
            self._cut_at = now
            self._refused = now
            if self._requests is not None and (self._fine is None or self._fine.limit > 1):
                self._fineness += 1
                self._fine = self._finer(self._requests.limit)
        if pause is not None:
            self._paused_until = max(self._paused_until, now + pause)

    def paused(self, now: float) -> float:
        """Seconds of pause left."""
        return max(self._paused_until - now, 0.0)

    def chill(self) -> None:
        """The next requests go over new connections."""
        self._last = -math.inf

    def idle(self, now: float) -> bool:
        """Whether all that was let through is over, and so long ago that it plays no part any more."""
        over = self.in_flight == 0 and self.lineup.size == 0 and not self.paused(now)
        return over and now - self._last > MINUTE

    def _let(self, ticket: Ticket, now: float) -> None:
        self.in_flight += 1
        ticket.admitted = ticket.started = now
        if ticket.guess is not None:
            ticket.guess.sent = True
            self._guessing.append(ticket)
        if self._requests is not None or self._tokens is not None:
            self._note(ticket, now)
        self._last = now

    def _note(self, ticket: Ticket, now: float) -> None:
        if now - self._last > _COLD:
            self._opened = 0
        ticket.cold = self.in_flight > self._opened
        self._opened = max(self._opened, self.in_flight)
        if self._requests is not None:
            self._requests.take(now, 1)
            self._forgive(now, self._requests.limit)
        if self._bursts is not None:
            ticket.second = self._bursts.take(now + _LATE if ticket.cold else now, 1)
        if self._fine is not None:
            self._fine.take(now, 1)
        if self._tokens is not None:
            ticket.entry = self._tokens.take(now, ticket.tokens)

    def _forgive(self, now: float, per_minute: float) -> None:
        """After a minute without a refusal, bursts of twice the size again: somebody else may have had a part in it."""
        if self._fineness and now - self._refused > MINUTE:
            self._refused = now
            self._fineness -= 1
            self._fine = self._finer(per_minute)

    def _finer(self, per_minute: float) -> Window | None:
        """The sustained rate in bursts that were halved as often as the provider has refused them."""
        if self._fineness == 0:
            return None
        size = max(1, _burst(per_minute) >> self._fineness)
        return Window(size, size * MINUTE / per_minute * _SECOND)

    def _delay(self, ticket: Ticket, now: float) -> float:
        delay = self.paused(now)
        windows = ((self._requests, 1), (self._bursts, 1), (self._fine, 1), (self._tokens, ticket.tokens))
        for window, amount in windows:
            if window is not None:
                spared = window.limit / 2 if ticket.guess is not None else 0  # for those that somebody will wait for
                delay = max(delay, window.wait(now, amount + spared))
        return delay


def _window(window: Window | None, limit: float | None, seconds: float) -> Window | None:
    """The window for a limit, with the entries of the one before."""
    if limit is None:
        return None
    if window is None:
        return Window(limit, seconds)
    window.limit = limit
    return window


def _burst(per_minute: float) -> int:
    """How many may go in a second at first."""
    return max(math.ceil(per_minute / MINUTE), min(int(per_minute), _FRIENDLY_BURST))
