"""Requests that nobody waits for yet: behind all others at the gate and the till, and out of their way."""

from __future__ import annotations

import anyio
import pytest

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Guess, Message, Place, Request
from rlm_async.core.usage import Limits, ModelInfo, Rates, Usage
from rlm_async.errors import BudgetExceeded, ModelUnavailable
from rlm_async.models.gate import Gate
from rlm_async.models.stack import Rings, stack
from rlm_async.models.turnstile import Ticket, Turnstile

pytestmark = pytest.mark.anyio


def guessed(withdrawn=None):
    guess = Guess(lambda: (withdrawn if withdrawn is not None else []).append(guess))
    return guess


def ticket(node=1, guess=None):
    return Ticket(Place("run", node), 10, guess=guess)


def test_a_guess_stands_behind_all_others_however_late_they_come():
    turnstile = Turnstile(Rates(concurrency=2))
    busy = ticket()
    assert turnstile.walk_in(busy, 0.0)
    assert turnstile.walk_in(ticket(), 0.0)
    guess, late, later = ticket(guess=guessed()), ticket(2), Ticket(Place("another run", 1), 10)
    for waiting in (guess, late, later):
        turnstile.lineup.add(waiting)
    order = []
    before = busy
    for _ in range(3):
        turnstile.finish(before, 0.0)
        (before,) = turnstile.admit(0.0)
        order.append(before)
    assert order == [late, later, guess]
    assert guess.guess.sent
    assert turnstile.lineup.size == 0


def test_half_of_the_rates_is_spared_for_those_that_somebody_waits_for():
    turnstile = Turnstile(Rates(concurrency=100, requests_per_minute=10))
    let = [turnstile.walk_in(ticket(guess=guessed()), 0.0) for _ in range(10)]
    assert let.count(True) == 5
    assert [turnstile.walk_in(ticket(), 0.0) for _ in range(6)] == [True] * 5 + [False]


def test_a_guess_that_was_given_up_in_line_is_passed_over():
    turnstile = Turnstile(Rates(concurrency=2))
    busy = ticket()
    assert turnstile.walk_in(busy, 0.0)
    assert turnstile.walk_in(ticket(), 0.0)
    gone, other = ticket(guess=guessed()), ticket(guess=guessed())
    turnstile.lineup.add(gone)
    turnstile.lineup.add(other)
    turnstile.lineup.drop(gone)
    turnstile.finish(busy, 0.0)
    assert turnstile.admit(0.0) == [other]


async def test_the_last_guess_in_flight_gives_way_to_a_call_that_somebody_waits_for():
    gate = Gate(Rates(concurrency=2))
    withdrawn = []
    first, second = guessed(withdrawn), guessed(withdrawn)
    tickets = [await gate.enter(Place(), 1, guess) for guess in (first, second)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gate.enter, Place(), 1)
        await anyio.wait_all_tasks_blocked()
        assert withdrawn == [second]
        assert gate.statistics().waiting == 1
        gate.leave(tickets[1])
    assert gate.statistics().in_flight == 2


def test_where_only_one_may_go_at_a_time_no_guess_goes():
    turnstile = Turnstile(Rates(concurrency=1))
    guess = ticket(guess=guessed())
    assert not turnstile.walk_in(guess, 0.0)
    turnstile.lineup.add(guess)
    assert turnstile.admit(0.0) == []
    turnstile.lineup.add(late := ticket())
    assert turnstile.admit(0.0) == [late]


async def test_a_guess_that_somebody_has_come_to_want_stays():
    gate = Gate(Rates(concurrency=2))
    withdrawn = []
    guess = guessed(withdrawn)
    held = await gate.enter(Place(), 1, guess)
    await gate.enter(Place(), 1)
    guess.wanted = True
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gate.enter, Place(), 1)
        await anyio.wait_all_tasks_blocked()
        assert withdrawn == []
        gate.leave(held)


async def test_where_there_is_room_nobody_gives_way():
    gate = Gate(Rates(concurrency=2))
    withdrawn = []
    await gate.enter(Place(), 1, guessed(withdrawn))
    await gate.enter(Place(), 1)
    assert withdrawn == []


class Held:
    """Answers when it is let."""

    def __init__(self, failures=0):
        self.go = anyio.Event()
        self.requests = []
        self.failures = failures

    async def __call__(self, request, budget):
        self.requests.append(request)
        if self.failures:
            self.failures -= 1
            raise ModelUnavailable("down")
        await self.go.wait()
        return Completion(text="yes", usage=Usage(calls=1, prompt_tokens=1, completion_tokens=1), model=request.model)


def request(guess=None):
    return Request(model="m", messages=(Message("user", "q"),), max_tokens=50, guess=guess)


async def test_a_guess_never_waits_at_the_till():
    held = Held()
    model = stack(held, ModelInfo(name="m"), Rings()).model
    budget = Budget("the run", Limits(calls=1))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(model, request(), budget)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(BudgetExceeded):
            await model(request(guessed()), budget)
        held.go.set()


async def test_a_call_that_lacks_money_gets_what_a_guess_has_held():
    held = Held()
    model = stack(held, ModelInfo(name="m"), Rings()).model
    budget = Budget("the run", Limits(calls=10, tokens=130))  # for one call and a prompt
    scope = anyio.CancelScope()
    guess = Guess(scope.cancel)

    async def ahead():
        with scope:
            await model(request(guess), budget)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ahead)
        await anyio.wait_all_tasks_blocked()
        assert len(held.requests) == 1
        tasks.start_soon(model, request(), budget)
        await anyio.wait_all_tasks_blocked()
        assert scope.cancelled_caught
        assert [one.guess for one in held.requests] == [guess, None]
        held.go.set()
    assert budget.spent.tokens <= 130


async def test_a_guess_that_fails_is_not_made_again():
    held = Held(failures=1)
    model = stack(held, ModelInfo(name="m"), Rings()).model
    with pytest.raises(ModelUnavailable):
        await model(request(guessed()), Budget("the run", Limits()))
    assert len(held.requests) == 1
