"""The sub-queries of one cell: sent at once, a bounded number in flight, settled before the cell is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rlm_async.sandbox.faults import Cancelled, QueryError, fault
from rlm_async.sandbox.link import Link, Op
from rlm_async.sandbox.places import Place, here
from rlm_async.sandbox.tasks import Scheduler, Task

Payload = Mapping[str, object]
Key = tuple[object, ...]


class Call:
    """One request that was sent, and its reply once it is there."""

    __slots__ = ("_desk", "error", "lazy", "number", "owner", "places", "soft", "surfaced", "ticket", "value")

    def __init__(self, desk: Desk, ticket: int, *, lazy: bool = True) -> None:
        self._desk = desk
        self.ticket = ticket
        self.lazy = lazy
        """Whether awaiting it at the top of a cell may leave it in flight."""
        self.number = 0
        self.owner: Task | None = None
        self.places: tuple[Place, ...] = ()
        self.soft = False
        """True in a batch: a failure is a text in its place, not an exception."""
        self.surfaced = False
        self.value: object = None
        self.error: QueryError | None = None

    def done(self) -> bool:
        """Whether the reply is there."""
        return self._desk.landed(self)

    def tickets(self) -> Sequence[int]:
        """Its own, until it has landed."""
        return () if self._desk.landed(self) else (self.ticket,)

    def result(self) -> object:
        """Wait for the value; raises the call's error, a fresh exception each time."""
        self._desk.scheduler.until(self)
        if self.error is None:
            return self.value
        self.surfaced = True
        if self.soft:
            return f"Error: {type(self.error).__name__}: {self.error}"
        error = type(self.error)(*self.error.args)
        error.place = self.places
        raise error

    def abandon(self) -> None:
        """Cancel it: nobody waits for the reply any more."""
        self._desk.drop(self)
        self.surfaced = True

    def failed(self) -> bool:
        """Whether it has an error that no code has seen yet."""
        return self.error is not None and not self.soft and not self.surfaced


class Plan:
    """Calls that a loop is about to make, in its own order; started before it asks for them."""

    def __init__(self, payloads: Iterator[Payload]) -> None:
        self._payloads: Iterator[Payload] | None = payloads
        self._unclaimed: list[tuple[Key, Call]] = []

    def ahead(self) -> int:
        """How many calls are started and not asked for yet."""
        return len(self._unclaimed)

    def pull(self) -> Payload | None:
        """The next call of the loop, or None at the end; an error in a prompt ends the plan."""
        if self._payloads is None:
            return None
        try:
            return next(self._payloads)
        except Exception:  # noqa: BLE001  # the loop itself will meet the same error, at its own time
            self._payloads = None
        return None

    def started(self, payload: Payload, call: Call) -> None:
        """Keep a call until the loop asks for it."""
        self._unclaimed.append((key_of(payload), call))

    def claim(self, key: Key) -> Call | None:
        """The oldest started call with this key, now the loop's own."""
        for i, (other, call) in enumerate(self._unclaimed):
            if other == key:
                del self._unclaimed[i]
                return call
        return None

    def close(self) -> list[Call]:
        """End it; the calls that nobody asked for."""
        self._payloads = None
        left = [call for _, call in self._unclaimed]
        self._unclaimed.clear()
        return left


class Desk:
    """Where every request of a cell passes: window, plans, errors, the end of the cell."""

    def __init__(
        self, link: Link, scheduler: Scheduler, window: int, planned: Callable[[int], object] | None = None
    ) -> None:
        self._link = link
        self.scheduler = scheduler
        self._flying: dict[int, Call] = {}
        self._plans: list[Plan] = []
        self._made: list[Call] = []
        self.begin(window, planned)

    def begin(self, window: int, planned: Callable[[int], object] | None) -> None:
        """Have `window` calls in flight at most; `planned` is told the ticket of each that a plan has started."""
        self._window = max(window, 1)
        self._planned = planned

    @property
    def count(self) -> int:
        """Calls that the cell has made so far."""
        return len(self._made)

    def ask(self, op: Op, payload: Payload, *, soft: bool = False, lazy: bool = True) -> Call:
        """Send one request, or take over the one that a plan has started; waits only where the window is full."""
        call = self._claim(key_of(payload)) if self._plans else None
        if call is None:
            self._make_room()
            call = self._send(op, payload, lazy=lazy)
        call.soft, call.places, call.owner = soft, here(), self.scheduler.current
        call.number = len(self._made)
        self._made.append(call)
        self._top_up()
        return call

    def budget(self) -> object:
        """What is left to this node."""
        call = self._send("budget", {}, lazy=False)
        call.result()
        return call.value

    def plan(self, payloads: Iterable[Payload]) -> Plan:
        """Start the calls that a loop will make, as far as the window allows."""
        plan = Plan(iter(payloads))
        self._plans.append(plan)
        self._top_up()
        return plan

    def close(self, plan: Plan) -> None:
        """Forget a plan whose loop is over; what it started for nothing is cancelled."""
        if plan in self._plans:
            self._plans.remove(plan)
        for call in plan.close():
            self.drop(call)

    def settle(self, since: int = 0, owner: Task | None = None, *, all_owners: bool = True) -> Call | None:
        """Wait for the calls made since number `since`; the first that failed without anybody having seen it."""
        first = None
        for call in self._made[since:]:
            if not all_owners and call.owner is not owner:
                continue
            self.scheduler.until(call)
            if first is None and call.failed():
                first = call
        return first

    def end(self) -> None:
        """The cell is over: cancel what is still in flight and forget all calls."""
        for plan in list(self._plans):
            self.close(plan)
        for call in list(self._flying.values()):
            self.drop(call)
        self._made.clear()

    def landed(self, call: Call) -> bool:
        """Whether the reply is there; takes it if so."""
        if call.ticket not in self._flying:
            return True
        if not self._link.ready(call.ticket):
            return False
        del self._flying[call.ticket]
        self._take(call, self._link.take(call.ticket))
        return True

    def _take(self, call: Call, reply: object) -> None:
        if not isinstance(reply, dict) or "error" not in reply:
            call.value = reply
        elif reply["error"] is None:
            call.value = reply.get("value")
        else:
            call.error = fault(str(reply["error"]), str(reply.get("message", "")), tool=not call.lazy)

    def _send(self, op: Op, payload: Payload, *, lazy: bool = True) -> Call:
        call = Call(self, self._link.call(op, payload), lazy=lazy)
        self._flying[call.ticket] = call
        self.scheduler.activity += 1
        return call

    def drop(self, call: Call) -> None:
        """Cancel a call that is still in flight."""
        if self._flying.pop(call.ticket, None) is not None:
            self._link.cancel(call.ticket)
            call.error = Cancelled("the call was cancelled before its reply came")

    def _make_room(self) -> None:
        while len(self._flying) >= self._window and not self._land():
            self._link.wait(sorted(self._flying))

    def _land(self) -> int:
        return sum(self.landed(call) for call in list(self._flying.values()))

    def _claim(self, key: Key) -> Call | None:
        for plan in reversed(self._plans):
            call = plan.claim(key)
            if call is not None:
                return call
            if plan.ahead() == 0 and self._start_next(plan):
                return plan.claim(key)
        return None

    def _start_next(self, plan: Plan) -> bool:
        payload = plan.pull()
        if payload is None:
            return False
        self._make_room()
        call = self._send("query", payload)
        plan.started(payload, call)
        if self._planned is not None:
            self._planned(call.ticket)
        return True

    def _top_up(self) -> None:
        if len(self._flying) >= self._window:
            self._land()
        for plan in reversed(self._plans):
            while plan.ahead() < self._window and len(self._flying) < self._window:
                if not self._start_next(plan):
                    break


def key_of(payload: object) -> Key:
    """A payload as a value that can be compared; equal payloads, equal keys."""
    if isinstance(payload, Mapping):
        return ("{", *((name, key_of(item)) for name, item in payload.items()))
    if isinstance(payload, list | tuple):
        return ("[", *(key_of(item) for item in payload))
    return (type(payload).__name__, payload)
