"""Run-ahead: while the code waits for an answer, a copy of it runs on, only to find out what it will ask next.

`RunAhead` is the line to the host as the runtime sees it, around the real one. In the worker it sends copies
out and passes on, as hints, what they find; replies reach the code only for calls that the code has made
itself. In a copy it answers every call at once, with what is known or with the unknown, and sends nothing else.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Protocol

from rlm_async.sandbox.calls import Key, key_of
from rlm_async.sandbox.handles import Handle
from rlm_async.sandbox.link import Link, Op
from rlm_async.sandbox.runahead_roads import Roads
from rlm_async.sandbox.unknown import UNKNOWN, Unknown, holds_unknown

LONG_SECONDS = 0.01
"""A wait is long, and worth a copy, when nothing has come by then."""
_COPIES = 100
"""Copies of one cell at most."""
_AHEAD = 2
"""A copy ends when it has found so many windows full of hints."""
_GIVE_UP = 7
"""Copies in a row that found nothing, after which the cell is left alone."""


class Outlook(Link, Protocol):
    """What run-ahead needs of the real line besides."""

    def arrived(self, ticket: int) -> bool:
        """Whether the reply is there already, without looking for it."""
        ...

    def wait_for(self, tickets: Sequence[int], seconds: float | None, also: int = -1) -> bool:
        """Block until a reply is there: True. False when `seconds` are over, or the descriptor `also` is readable."""
        ...

    def hint(self, payload: Mapping[str, object], *, sure: bool) -> int:
        """Tell the host what may be asked; gives the hint's number. Raises ValueError for what cannot travel."""
        ...

    def foreseen(self) -> Mapping[int, object]:
        """Values that the host has found for hints, by number, since this was asked last."""
        ...


class Scout(Protocol):
    """Makes copies of this process, one at a time."""

    @property
    def out(self) -> int:
        """The descriptor on which the copy's findings come; -1 while there is none."""
        ...

    def fork(self) -> bool:
        """True in the copy; False in the worker, also where no copy could be made."""
        ...

    def findings(self) -> Iterable[tuple[Mapping[str, object], bool]]:
        """What has come of the copy: payloads, each with whether it is sure. Ends `out` where the copy has ended."""
        ...

    def report(self, payload: Mapping[str, object], *, sure: bool) -> None:
        """In the copy: say what was found."""
        ...

    def leave(self) -> None:
        """In the copy: end it. Never returns."""
        ...

    def stop(self) -> None:
        """In the worker: end the copy if there is one."""
        ...


class RunAhead:
    """Implements `link.Link` around an `Outlook`."""

    def __init__(self, line: Outlook, scout: Scout, window: int) -> None:
        self._line = line
        self._scout = scout
        self.window = window
        self.wanted = True
        """False in a session that wants no copies: then this is the line and nothing more."""
        self.roads = Roads()
        self.away = False
        """True in a copy."""
        self.suspended: Callable[[], Iterable[FrameType]] = tuple
        """Where the coroutines stand that wait; they are on no stack."""
        self._on = False
        self._reset()

    def _reset(self) -> None:
        self._numbers: dict[int, Key] = {}
        """Hints of this cell by number."""
        self._hinted: set[Key] = set()
        """Those that the code has not asked for yet."""
        self._known: dict[Key, object] = {}
        self._expected: set[int] = set()
        """Calls of the code that had been hinted."""
        self._planned: set[int] = set()
        """Calls that static prefetch has started: the others of their loop are under way as well."""
        self._copies = self._fruitless = self._misses = 0
        """Copies so far, those in a row that found nothing, and long waits since the last one."""
        self._flown = False
        """Whether a copy is out whose findings have not been judged."""
        self._ticket = 0
        self._found = 0
        self._replies: dict[int, dict[str, object]] = {}

    # -- the life of a cell

    def begin(self) -> None:
        """A cell begins: what it waits for may be run ahead of."""
        self._reset()
        self._on = self.wanted

    def rest(self) -> None:
        """The cell's code is over, and only waits are left. In a copy: the end of it."""
        if self.away:
            self._scout.leave()
        self._on = False

    def expect(self, ticket: int) -> None:
        """Static prefetch has started this call."""
        self._planned.add(ticket)

    def end(self) -> None:
        """The cell is over."""
        self._on = False
        self._scout.stop()

    # -- as the runtime sees the line

    def call(self, op: Op, payload: object) -> int:
        """Send a request; a copy answers it itself."""
        if self.away:
            return self._answered(op, payload)
        ticket = self._line.call(op, payload)
        if self._hinted and op == "query":
            key = key_of(payload)
            if key in self._hinted:
                self._hinted.discard(key)
                self._expected.add(ticket)
        return ticket

    def ready(self, ticket: int) -> bool:
        """Whether the reply is there; in a copy nothing is waited for."""
        return self.away or self._line.ready(ticket)

    def take(self, ticket: int) -> object:
        """The reply, once; in a copy the unknown where it is not there."""
        if not self.away:
            return self._line.take(ticket)
        if ticket in self._replies:
            return self._replies.pop(ticket)
        return self._line.take(ticket) if self._line.arrived(ticket) else _said(UNKNOWN)

    def cancel(self, ticket: int) -> None:
        """Nobody waits for it any more."""
        if not self.away:
            self._line.cancel(ticket)

    def wait(self, tickets: Sequence[int]) -> None:
        """Block until one of the replies is there; where that takes long, a copy goes ahead meanwhile."""
        if self.away:
            return
        if self._worth_it(tickets) and not self._line.wait_for(tickets, LONG_SECONDS):
            self._learn()
            self._copies += 1
            self._misses = self._found = 0
            self._flown = True
            if self._scout.fork():
                self._go()
                return
        while self._scout.out >= 0 and not self._line.wait_for(tickets, None, self._scout.out):
            self._pass_on()
        self._line.wait(tickets)

    # -- in the worker

    def _worth_it(self, tickets: Sequence[int]) -> bool:
        if not self._on or self._copies >= _COPIES or self._scout.out >= 0:
            return False
        if not self._planned.isdisjoint(tickets):
            return False
        if not self._expected.isdisjoint(tickets) and (self._hinted or self._found < _AHEAD * self.window):
            return False  # the code comes along just as foreseen
        if self._flown:
            self._flown = False
            self._fruitless = 0 if self._found else self._fruitless + 1
        self._misses += 1
        if self._fruitless >= _GIVE_UP or self._misses < 2**self._fruitless:
            return False
        return self.roads.lead_on([*_stack(sys._getframe(1)), *self.suspended()])  # noqa: SLF001  # where code stands

    def _pass_on(self) -> None:
        for payload, sure in self._scout.findings():
            key = key_of(payload)
            if key in self._hinted or key in self._known:
                continue
            try:
                number = self._line.hint(payload, sure=sure)
            except ValueError:  # too long to travel: the real call will say so
                continue
            self._found += 1
            self._numbers[number] = key
            self._hinted.add(key)

    def _learn(self) -> None:
        for number, value in self._line.foreseen().items():
            key = self._numbers.get(number)
            if key is not None:
                self._known[key] = value

    # -- in the copy

    def _go(self) -> None:
        self.away = True
        Unknown.about = True
        UNKNOWN.decide = self._decide
        Handle.live += 1  # so that every call of C code looks at its arguments

    def _decide(self, frame: FrameType) -> bool:
        if self.roads.lost:
            self._scout.leave()
        return self.roads.decide(frame)

    def _answered(self, op: Op, payload: object) -> int:
        self._ticket -= 1
        value = self._foreseen(payload) if op == "query" and isinstance(payload, Mapping) else UNKNOWN
        self._replies[self._ticket] = _said(value)
        return self._ticket

    def _foreseen(self, payload: Mapping[str, object]) -> object:
        if holds_unknown(payload.values(), deep=True):
            return UNKNOWN
        key = key_of(payload)
        if key in self._known:
            return self._known[key]
        if key not in self._hinted and payload["cached"] and not payload["grant"]:
            self._hinted.add(key)
            self._found += 1
            self.roads.found()
            self._scout.report(payload, sure=self.roads.sure)
            if self._found >= _AHEAD * self.window:
                self._scout.leave()
        return UNKNOWN

    def read(self, filename: str, tree: ast.AST, tools: Iterable[str]) -> None:
        """Take note of a cell's source before it is rewritten."""
        self.roads.add(filename, tree, tools)


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _said(value: object) -> dict[str, object]:
    return {"value": value, "error": None, "message": "", "status": "complete"}
