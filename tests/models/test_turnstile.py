"""The rules of a gate on a virtual clock, by random histories."""

import math
import os
from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rlm_async.core.messages import Place
from rlm_async.core.usage import Rates
from rlm_async.models.turnstile import Lineup, Ticket, Turnstile
from rlm_async.models.window import Window

EXAMPLES = int(os.environ.get("RLM_ASYNC_EXAMPLES", "100"))
CONCURRENCY, REQUESTS, TOKENS = 4, 12, 1_000
places = st.builds(Place, st.sampled_from(["a", "b", "c"]), st.integers(0, 5), st.integers(0, 3))


class Histories(RuleBasedStateMachine):
    """Arrivals, departures, endings, overloads and the passing of time, in any order."""

    def __init__(self):
        super().__init__()
        rates = Rates(concurrency=CONCURRENCY, requests_per_minute=REQUESTS, tokens_per_minute=TOKENS)
        self.stile = Turnstile(rates)
        self.now = 0.0
        self.flying = []
        self.waiting = []
        self.admitted = []  # (time, ticket)
        self.paused_until = 0.0

    def settle(self):
        first = self.stile.lineup.first()
        for number, ticket in enumerate(self.stile.admit(self.now)):
            assert number or ticket is first, "someone passed the first in line"
            assert self.now >= self.paused_until
            ticket.used = ticket.tokens
            self.waiting.remove(ticket)
            self.flying.append(ticket)
            self.admitted.append((self.now, ticket))

    @rule(place=places, tokens=st.integers(1, 1_500))
    def arrive(self, place, tokens):
        ticket = Ticket(place, tokens)
        self.stile.lineup.add(ticket)
        self.waiting.append(ticket)
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data):
        ticket = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(ticket)
        self.stile.lineup.drop(ticket)
        self.settle()

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), share=st.floats(0, 1), ending=st.sampled_from(["well", "overload", "pause", "badly"]))
    def end(self, data, share, ending):
        ticket = data.draw(st.sampled_from(self.flying))
        self.flying.remove(ticket)
        ticket.used = int(ticket.tokens * share)
        if ending == "well":
            self.stile.prosper()
        elif ending != "badly":
            pause = 5.0 if ending == "pause" else None
            self.stile.overload(ticket, self.now, pause)
            self.paused_until = max(self.paused_until, self.now + (pause or 0.0))
        self.stile.finish(ticket, self.now)
        self.settle()

    @rule(seconds=st.floats(0.01, 30))
    def pass_time(self, seconds):
        self.now += seconds
        self.settle()

    @rule()
    def wait_until_next(self):
        """The time that the turnstile itself names is the time at which someone goes."""
        delay = self.stile.next(self.now)
        if delay is None:
            return
        before = len(self.admitted)
        self.now += delay + 1e-6
        self.settle()
        assert len(self.admitted) > before or self.stile.next(self.now), "it named a time, and nobody went"

    @invariant()
    def never_more_at_once(self):
        assert self.stile.in_flight == len(self.flying) <= CONCURRENCY
        assert 1 <= self.stile.ceiling <= CONCURRENCY

    @invariant()
    def never_more_requests_a_minute(self):
        recent = [at for at, _ in self.admitted if at + 60 > self.now]  # `now - 60` would be rounded otherwise
        assert len(recent) <= REQUESTS

    @invariant()
    def never_more_tokens_a_minute_except_by_one_that_is_larger_than_all(self):
        recent = [ticket.used for at, ticket in self.admitted if at + 60 > self.now and ticket.used]
        assert sum(recent) <= TOKENS or len(recent) == 1

    @invariant()
    def nobody_waits_for_nothing(self):
        if self.stile.lineup.first() and not self.flying:
            assert self.stile.next(self.now) is not None

    def teardown(self):
        """Everyone gets through in the end: nobody starves."""
        for _ in range(10_000):
            if not self.waiting:
                break
            if self.flying:
                self.stile.finish(self.flying.pop(), self.now)
            else:
                self.now += self.stile.next(self.now) + 1e-6
            self.settle()
        assert not self.waiting


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)


def test_deepest_goes_first_then_the_oldest_node():
    lineup = Lineup()
    tickets = {}
    for depth, node in [(0, 1), (2, 7), (1, 2), (2, 5)]:
        tickets[depth, node] = ticket = Ticket(Place("run", node, depth), 1)
        lineup.add(ticket)
    order = []
    while ticket := lineup.first():
        order.append((ticket.place.depth, ticket.place.node))
        lineup.pop()
    assert order == [(2, 5), (2, 7), (1, 2), (0, 1)]


def test_a_batch_of_one_run_cannot_starve_another_run():
    lineup = Lineup()
    for node in range(100):
        lineup.add(Ticket(Place("big", node, 5), 1))
    lineup.add(Ticket(Place("small", 1, 0), 1))
    first, _ = [lineup.first(), lineup.pop()]
    second, _ = [lineup.first(), lineup.pop()]
    assert [first.place.run, second.place.run] == ["big", "small"]
    assert lineup.size == 99


def test_a_large_call_is_not_passed_by_small_ones():
    stile = Turnstile(Rates(concurrency=10, tokens_per_minute=100))
    for tokens in (60, 90, 1):
        stile.lineup.add(Ticket(Place("run", tokens == 1, 0), tokens))
    assert [ticket.tokens for ticket in stile.admit(0.0)] == [60]
    assert stile.next(0.0) == 60.0
    assert [ticket.tokens for ticket in stile.admit(60.0)] == [90, 1]


def test_what_was_not_used_is_given_back():
    stile = Turnstile(Rates(tokens_per_minute=100))
    first, second = Ticket(Place(), 100), Ticket(Place(), 95)
    stile.lineup.add(first)
    stile.lineup.add(second)
    assert stile.admit(0.0) == [first]
    first.used = 5
    stile.finish(first, 1.0)
    assert stile.admit(1.0) == [second]


def test_more_tokens_than_a_minute_has_go_alone():
    stile = Turnstile(Rates(tokens_per_minute=100))
    stile.lineup.add(Ticket(Place("", 0), 250))
    stile.lineup.add(Ticket(Place("", 1), 1))
    assert [ticket.tokens for ticket in stile.admit(0.0)] == [250]
    assert stile.next(0.0) == 60.0


def test_a_minutes_rate_is_spread_over_its_seconds():
    stile = Turnstile(Rates(concurrency=1_000, requests_per_minute=3_000))
    for node in range(200):
        stile.lineup.add(Ticket(Place("", node), 1))
    now, seen = 0.0, deque()
    while stile.lineup.first():
        admitted = stile.admit(now)
        seen.extend([now] * len(admitted))
        for ticket in admitted:
            stile.finish(ticket, now)
        delay = stile.next(now)
        now += delay or 0.0
    assert seen.count(0.0) == 50
    assert seen[-1] == pytest.approx(3 * 1.02)
    assert len(seen) == 200


def test_connections_beyond_those_in_use_at_once_so_far_are_new_ones():
    stile = Turnstile(Rates(concurrency=1_000, requests_per_minute=3_000))

    def cold(count):
        for _ in range(count):
            stile.lineup.add(Ticket(Place("", 1), 1))
        admitted = stile.admit(1.0)
        for ticket in admitted:
            stile.finish(ticket, 1.0)
        return sum(ticket.cold for ticket in admitted)

    assert [cold(1), cold(1), cold(30), cold(10)] == [1, 0, 29, 0]
    stile.chill()
    assert cold(5) == 5, "a new pool has no connection yet"


def test_a_minute_without_a_refusal_brings_the_larger_bursts_back():
    stile = Turnstile(Rates(concurrency=1_000, requests_per_minute=3_000))

    def burst(now):
        for node in range(50):
            stile.lineup.add(Ticket(Place("", node), 1))
        admitted = stile.admit(now)
        while stile.lineup.first():
            stile.lineup.drop(stile.lineup.first())
        for ticket in admitted:
            stile.finish(ticket, now)
        return admitted

    first = burst(0.0)
    stile.overload(first[0], 0.1, None)
    sizes = [len(burst(now)) for now in (2.0, 30.0, 60.0, 62.0, 64.0)]
    assert sizes == [25, 25, 25, 50, 50]


def test_requests_over_new_connections_are_counted_from_when_they_were_answered():
    """A server counts by arrival: the next burst must not meet the late ones of the first."""
    stile = Turnstile(Rates(concurrency=1_000, requests_per_minute=3_000))
    for node in range(150):
        stile.lineup.add(Ticket(Place("", node), 1))
    first = stile.admit(0.0)
    for ticket in first:
        stile.finish(ticket, 0.3)
    assert stile.next(0.3) == pytest.approx(0.3 + 1.02 - 0.3)
    second = stile.admit(1.33)
    for ticket in second:
        stile.finish(ticket, 1.9)
    assert (len(first), len(second)) == (50, 50)
    assert stile.next(1.9) == pytest.approx(1.33 + 1.02 - 1.9)  # connections are warm: they arrive as they go


def test_overload_halves_once_for_what_was_in_flight_together_and_recovers_one_a_round():
    stile = Turnstile(Rates(concurrency=8))
    together = [Ticket(Place("", node), 1) for node in range(8)]
    for ticket in together:
        stile.lineup.add(ticket)
    stile.admit(0.0)
    for ticket in together:
        stile.overload(ticket, 1.0, None)
        stile.finish(ticket, 1.0)
    assert stile.ceiling == 4
    for _ in range(4):
        stile.prosper()
    assert math.isclose(stile.ceiling, 5, abs_tol=0.1)


def test_a_pause_is_for_everybody():
    stile = Turnstile(Rates())
    told, other = Ticket(Place("a"), 1), Ticket(Place("b"), 1)
    stile.lineup.add(told)
    stile.admit(0.0)
    stile.overload(told, 1.0, 30.0)
    stile.finish(told, 1.0)
    stile.lineup.add(other)
    assert stile.admit(30.9) == []
    assert stile.next(1.0) == 30.0
    assert stile.admit(31.0) == [other]


def test_a_window_forgets():
    window = Window(10, 60.0)
    entry = window.take(0.0, 10)
    assert window.wait(59.0, 1) == 1.0
    window.correct(entry, 4, 59.0)
    assert window.wait(59.0, 6) == 0.0
    assert window.taken(60.0) == 0.0
    window.correct(entry, 10, 61.0)
    assert window.taken(61.0) == 0.0


def paced(rates, count, *, overload_at=None):
    """When each of `count` requests goes; the first of them may be told to wait."""
    stile = Turnstile(rates)
    for node in range(count):
        stile.lineup.add(Ticket(Place("", node), 1))
    now, times = 0.0, []
    while stile.lineup.first():
        for ticket in stile.admit(now):
            times.append(now)
            stile.finish(ticket, now)
            if len(times) == overload_at:
                stile.overload(ticket, now, 0.0)
        now += stile.next(now) or 1e-9
    return times


def most_within(times, seconds):
    return max(sum(1 for at in times if start <= at < start + seconds) for start in times)


def test_a_provider_that_counts_over_a_shorter_time_is_met_with_smaller_bursts():
    rates = Rates(concurrency=1_000, requests_per_minute=3_000)
    coarse, fine = paced(rates, 200), paced(rates, 200, overload_at=1)
    assert most_within(coarse, 0.4) == 50
    assert most_within(fine[50:], 0.4) == 25
    assert max(most_within(times, 1.0) for times in (coarse, fine)) == 50  # the rate itself is the same
    assert fine[-1] < coarse[-1] + 0.7


def test_a_low_rate_is_friendly_until_the_provider_says_no():
    rates = Rates(requests_per_minute=120)
    friendly, told = paced(rates, 40), paced(rates, 40, overload_at=1)
    assert most_within(friendly, 1.0) == 10
    assert most_within(told[10:], 1.0) <= 5
    assert told[-1] - told[10] == pytest.approx(29 / 2, abs=3)


def test_a_reply_that_took_longer_than_others_may_have_arrived_later():
    stile = Turnstile(Rates(concurrency=1_000, requests_per_minute=3_000))
    stile._last, stile._opened = 0.0, 1_000
    for node in range(51):
        stile.lineup.add(Ticket(Place("", node), 1))
    burst = stile.admit(0.0)
    for ticket in burst:
        took = 0.1 if ticket.place.node else 0.18
        stile.prosper(ticket, took)
        stile.finish(ticket, took)
    assert stile.next(0.2) == pytest.approx(1.02 - 0.2), "most were as fast as any"
    late, punctual = burst[0].second[0], burst[1].second[0]
    assert (round(late, 2), round(punctual, 2)) == (0.0, 0.0), "the first to be seen is the fastest so far"
    stile = Turnstile(Rates(concurrency=1_000, requests_per_minute=3_000))
    stile._last, stile._opened, stile._fastest = 0.0, 1_000, 0.1
    stile.lineup.add(Ticket(Place("", 1), 1))
    (ticket,) = stile.admit(0.0)
    stile.prosper(ticket, 0.18)
    assert ticket.second[0] == pytest.approx((0.18 - 0.105) / 2)
    for _ in range(50):
        stile.lineup.add(Ticket(Place("", 1), 1))
    stile.admit(0.9)
    assert stile.next(0.9) == pytest.approx(0.0375 + 1.02 - 0.9)


def test_who_was_woken_late_is_counted_from_when_he_went():
    stile = Turnstile(Rates(concurrency=1_000, requests_per_minute=3_000))
    stile._last, stile._opened = 0.0, 1_000
    for node in range(60):
        stile.lineup.add(Ticket(Place("", node), 1))
    first = stile.admit(0.0)
    for number, ticket in enumerate(first):
        stile.start(ticket, number * 0.01)  # each needs a moment to start
    assert len(first) == 50
    assert stile.next(0.5) == pytest.approx(1.02 - 0.5)
    assert len(stile.admit(1.021)) == 1, "the second one went ten milliseconds later"
