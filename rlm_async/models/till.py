"""The queue of calls that a budget cannot pay now but may be able to pay once others have settled.

What makes this hard. A hold is an upper bound, mostly far above the true cost, so a refusal while
siblings are in flight is often wrong: the money comes back. But waiting must never be for ever, and
nobody may be overtaken for ever either. So:

- A call waits only for calls that this till itself let through and that will end (`pending`), never for
  other holds in the ledger: those may belong to a node that is itself waiting for this call.
- Calls are let through in the order in which they came. One may pass another only where no scope that
  the other waits for is in its own chain.
- A place is given by whoever makes room, in the same step, not taken by the one who wakes up: a
  newcomer cannot slip in between.
- When nothing is in flight, the first in the queue is decided at once: let through or refused.
- A call made ahead of the code waits for nobody, and is given up where somebody waits because of it.
- The call of a node's last turn is the exception to all order: what was kept back for it is its own.
"""

from __future__ import annotations

from collections import deque
from threading import get_ident
from weakref import WeakKeyDictionary

import anyio

from rlm_async.core.budget import Amount, Budget, Reservation
from rlm_async.core.messages import Guess
from rlm_async.core.usage import Usage
from rlm_async.errors import BudgetExceeded
from rlm_async.models.bill import Bill
from rlm_async.models.tariff import Ask


class _Waiter:
    """One call at the till: not decided yet, let through (`size`), or refused (`refusal`)."""

    __slots__ = ("ask", "bill", "decided", "refusal", "reservation", "size", "woken")

    def __init__(self, bill: Bill, ask: Ask) -> None:
        self.bill = bill
        self.ask = ask
        self.decided = False
        self.woken: anyio.Event | None = None
        """Made by those who have to wait; most are decided at once."""
        self.reservation: Reservation | None = None
        self.size = 0
        self.refusal: BudgetExceeded | None = None

    def decide(self) -> None:
        """Let the call go on, paid or refused."""
        self.decided = True
        if self.woken is not None:
            self.woken.set()


class _Line:
    """The calls of one run: those in flight, and those that wait."""

    def __init__(self) -> None:
        self.pending: dict[Bill, Usage] = {}
        self.waiting: deque[_Waiter] = deque()
        self._guesses: dict[Bill, Guess] = {}
        """Those among the pending that nobody waits for yet."""
        self._coming_back: dict[Budget, Amount] = {}
        self._blocked: set[Budget] = set()

    def join(self, waiter: _Waiter) -> None:
        """Take a place at the end; decided at once where nobody waits for the same scopes.

        The call of a last turn goes first: the part kept back for it has just been released to it.
        """
        if waiter.ask.guess is not None:
            self._join_ahead(waiter, waiter.ask.guess)
            return
        if waiter.ask.last:
            if self._lacking(waiter):
                self.waiting.appendleft(waiter)
                self._make_way()
            else:
                waiter.decide()
            return
        if not self.waiting:
            self._blocked = lacking = self._lacking(waiter)
            if not lacking:
                waiter.decide()
                return
        self.waiting.append(waiter)
        self._make_way()
        if self._blocked.isdisjoint(waiter.bill.chain):
            self.advance()

    def _join_ahead(self, waiter: _Waiter, guess: Guess) -> None:
        """A call that nobody waits for yet is paid now or never, and never before those who wait."""
        if self.waiting or self._lacking(waiter):
            waiter.refusal = BudgetExceeded("what may be asked ahead", "calls", 1, 0)
        elif waiter.refusal is None:
            self._guesses[waiter.bill] = guess
        waiter.decide()

    def _make_way(self) -> None:
        """Somebody has to wait for money: calls that nobody waits for are given up."""
        for guess in list(self._guesses.values()):
            if not guess.wanted and guess.thread == get_ident():
                guess.withdraw()

    def advance(self) -> None:
        """Decide all that can be decided now, first come first served."""
        if not self.waiting:
            return
        passed: list[_Waiter] = []
        self._blocked = set()
        while self.waiting:
            waiter = self.waiting.popleft()
            lacking = self._blocked.intersection(waiter.bill.chain) or self._lacking(waiter)
            if not lacking:
                waiter.decide()
                continue
            passed.append(waiter)
            self._blocked |= lacking
            if waiter.bill.root in self._blocked:
                break  # the run's own limit: everyone behind waits too
        self.waiting.extendleft(reversed(passed))

    def leave(self, waiter: _Waiter) -> None:
        """End a call: give its hold back, charge what it cost, let others through."""
        if waiter.reservation is not None:
            waiter.bill.close()
            waiter.reservation.settle(waiter.bill.attempted)
            waiter.reservation.close()
            self._count(waiter.bill, self.pending.pop(waiter.bill), -1)
            self._guesses.pop(waiter.bill, None)
        elif not waiter.decided:
            self.waiting.remove(waiter)
        self.advance()

    def _lacking(self, waiter: _Waiter) -> set[Budget]:
        """Let the waiter through or refuse it; or say which scopes it waits for."""
        bill, ask = waiter.bill, waiter.ask
        size = _comfortable(bill, ask)
        if size is None and (lacking := self._worth_waiting(bill, ask.cost(ask.enough))):
            return lacking
        if size is None:
            size = _largest(bill, ask, (ask.least, ask.enough))
        if size is None and (lacking := self._worth_waiting(bill, ask.cost(ask.least))):
            return lacking
        waiter.size = ask.least if size is None else size
        cost = ask.cost(waiter.size)
        try:
            waiter.reservation = bill.hold(cost)
        except BudgetExceeded as refusal:
            waiter.refusal = refusal
        else:
            self.pending[bill] = cost
            self._count(bill, cost, 1)
        return set()

    def _worth_waiting(self, bill: Bill, cost: Usage) -> set[Budget]:
        """The scopes that lack something for `cost`, where all of it may come back; else none.

        Retries hold a little more than is counted here, for attempts that have failed: that will be
        spent, and does not come back.
        """
        lacking: set[Budget] = set()
        own = [self.pending[scope] for scope in bill.chain if isinstance(scope, Bill) and scope in self.pending]
        for scope, resource, ceiling in bill.bounds:
            left = ceiling - scope.taken(resource)
            asked = _amount(cost, resource)
            if asked <= left:
                continue
            back = self._coming_back.get(scope, Amount())
            mine = sum(_amount(hold, resource) for hold in own)  # a call within a call never waits for itself
            if asked > left + getattr(back, resource) - mine:
                return set()
            lacking.add(scope)
        return lacking

    def _count(self, bill: Bill, cost: Usage, sign: int) -> None:
        for scope in dict.fromkeys(scope for scope, _, _ in bill.bounds):  # nobody waits for one without a limit
            amount = self._coming_back.setdefault(scope, Amount())
            amount.add(cost, sign)
            if amount.calls == 0:
                del self._coming_back[scope]  # the line must not keep a run's ledger alive


class Place:
    """A call that was let through."""

    __slots__ = ("_line", "_waiter")

    def __init__(self, line: _Line, waiter: _Waiter) -> None:
        self._line = line
        self._waiter = waiter

    @property
    def size(self) -> int:
        """Completion tokens that it may use."""
        return self._waiter.size

    def leave(self) -> None:
        """End the call, also after failure or cancellation: what was attempted is settled."""
        self._line.leave(self._waiter)


class Till:
    """Where calls of all models get their hold; one for all runs of a process. `waiting` is for statistics."""

    def __init__(self) -> None:
        """Open with nobody in line."""
        self._lines: WeakKeyDictionary[Budget, _Line] = WeakKeyDictionary()

    async def enter(self, bill: Bill, ask: Ask) -> Place:
        """Wait until the cost of a call is held; its place says how many completion tokens it may use.

        Raises BudgetExceeded where it does not fit and no call in flight could make room; the outermost
        scope is blamed. Otherwise `Place.leave` has to end the call.
        """
        root = bill.root
        line = self._lines.get(root)
        if line is None:
            line = self._lines[root] = _Line()
        waiter = _Waiter(bill, ask)
        line.join(waiter)
        try:
            if not waiter.decided:
                waiter.woken = anyio.Event()
                await waiter.woken.wait()
        except BaseException:
            line.leave(waiter)
            raise
        if waiter.refusal is not None:
            line.leave(waiter)
            raise waiter.refusal
        return Place(line, waiter)

    def waiting(self, budget: Budget) -> int:
        """How many calls of a run wait here."""
        line = self._lines.get(budget.root)
        return len(line.waiting) if line else 0


def _fits(bill: Bill, cost: Usage, share: int = 1) -> bool:
    """Whether `cost` is at most one part in `share` of what every scope has left; of calls, all may be used."""
    for scope, resource, ceiling in bill.bounds:
        if _amount(cost, resource) * (1 if resource == "calls" else share) > ceiling - scope.taken(resource):
            return False
    return True


def _comfortable(bill: Bill, ask: Ask) -> int | None:
    """A size from `enough` on that can be paid now, taking no more than the ask's share of what is left."""
    if _fits(bill, ask.cost(ask.most), ask.share):
        return ask.most  # nearly always
    if not _fits(bill, ask.cost(ask.enough)):
        return None
    return _largest(bill, ask, (ask.enough, ask.most), ask.share) or ask.enough


def _largest(bill: Bill, ask: Ask, between: tuple[int, int], share: int = 1) -> int | None:
    """The most completion tokens of a range that can be paid now, by bisection; None where none can."""
    least, most = between
    if _fits(bill, ask.cost(most), share):
        return most
    if not _fits(bill, ask.cost(least), share):
        return None
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if _fits(bill, ask.cost(middle), share) else (least, middle)
    return least


def _amount(cost: Usage, resource: str) -> int:
    return (cost.nanos or 0) if resource == "usd" else int(getattr(cost, resource))
