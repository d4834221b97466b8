"""The ledger never lets spent + held + kept pass a limit, and the root knows of every cent."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from rlm_async.core.budget import RESOURCES, Budget
from rlm_async.core.usage import NANO, Limits, Price, Usage
from rlm_async.errors import BudgetExceeded, ConfigError

AMOUNTS = st.integers(0, 8)
EXAMPLES = int(os.environ.get("RLM_ASYNC_EXAMPLES", "150"))


def usage(n: int) -> Usage:
    return Usage(calls=n, prompt_tokens=n, nanos=n)


def limits(n: int | None) -> Limits:
    return Limits(calls=n, tokens=n, usd=None if n is None else n / NANO)


class Ledger(RuleBasedStateMachine):
    """Scopes are opened, calls reserved, settled, dropped; parts kept back and released, in any order."""

    scopes = Bundle("scopes")
    calls = Bundle("calls")
    keeps = Bundle("keeps")

    @initialize(target=scopes, limit=st.none() | st.integers(0, 20))
    def root(self, limit):
        self.root = Budget("run", limits(limit))
        self.all = [self.root]
        self.paid = 0
        return self.root

    @rule(target=scopes, parent=scopes, grant=st.none() | st.integers(0, 20))
    def child(self, parent, grant):
        child = parent.child("node") if grant is None else parent.child("node", calls=grant, tokens=grant)
        self.all.append(child)
        return child

    @rule(target=calls, scope=scopes, n=AMOUNTS)
    def reserve(self, scope, n):
        block = scope.reserve(usage(n))
        before = [(s.spent.tokens, s.held.tokens, s.kept.tokens) for s in self.all]
        try:
            return [block, block.__enter__(), n]
        except BudgetExceeded as refusal:
            assert refusal.asked > refusal.left
            assert before == [(s.spent.tokens, s.held.tokens, s.kept.tokens) for s in self.all]
            return [None, None, 0]

    @rule(call=calls, part=st.floats(0, 1), settled=st.booleans())
    def end(self, call, part, settled):
        block, reservation, n = call
        if block is None:
            return
        call[0] = None
        if settled:
            actual = int(n * part)
            reservation.settle(usage(actual))
            self.paid += actual
        block.__exit__(None, None, None)

    @rule(target=keeps, scope=scopes, n=AMOUNTS)
    def keep(self, scope, n):
        try:
            return scope.keep(usage(n))
        except BudgetExceeded:
            return None

    @rule(keep=keeps)
    def release(self, keep):
        if keep is not None:
            keep.release()

    @invariant()
    def no_scope_is_past_its_limit(self):
        for scope in getattr(self, "all", []):
            for resource in RESOURCES:
                left = scope.remaining(resource)
                assert left is None or left >= 0
                assert getattr(scope.held, resource) >= 0
                assert getattr(scope.kept, resource) >= 0

    @invariant()
    def the_root_knows_every_cent(self):
        if hasattr(self, "paid"):
            assert self.root.spent.tokens == self.root.usage.tokens == self.paid
            assert self.root.usage.nanos == self.paid


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None)


def test_siblings_cannot_share_the_last_cent():
    run = Budget("run", Limits(usd=1.0))
    first, second = run.child("a"), run.child("b")
    with first.reserve(Usage(nanos=NANO * 6 // 10)), pytest.raises(BudgetExceeded) as refused:
        second.check(Usage(nanos=NANO * 6 // 10))
    assert (refused.value.scope, refused.value.resource) == ("run", "usd")
    assert refused.value.left == pytest.approx(0.4)


def test_the_outermost_limit_is_blamed():
    run = Budget("run", Limits(tokens=5))
    node = run.child("node", tokens=3)
    with pytest.raises(BudgetExceeded, match="tokens limit of run: 9 asked, 5 left"):
        node.check(usage(9))
    with pytest.raises(BudgetExceeded, match="tokens limit of node"):
        node.check(Usage(prompt_tokens=4))


def test_a_grant_is_never_more_than_the_parent_has_left():
    run = Budget("run", Limits(tokens=100))
    with run.reserve(Usage(prompt_tokens=70)) as call:
        call.settle(Usage(prompt_tokens=70))
    assert run.child("node", tokens=80).left()["tokens"] == 30
    assert run.child("node").left()["tokens"] == 30


def test_a_grant_of_something_else_is_refused_by_name():
    with pytest.raises(ConfigError, match="has no euros"):
        Budget("run", Limits()).child("node", euros=1)


def test_a_refusal_that_calls_in_flight_may_lift_says_so():
    run = Budget("run", Limits(tokens=10))
    with run.reserve(Usage(prompt_tokens=6)):
        assert run.waits(Usage(prompt_tokens=6))
        assert not run.waits(Usage(prompt_tokens=11))


def test_nobody_waits_for_what_is_kept_back():
    run = Budget("run", Limits(tokens=10))
    keep = run.keep(Usage(prompt_tokens=6))
    assert not run.waits(Usage(prompt_tokens=6))
    keep.release()
    keep.release()
    run.check(Usage(prompt_tokens=10))


def test_a_failed_call_is_charged_what_it_settled():
    run = Budget("run", Limits())
    node = run.child("node")

    def fail():
        with node.reserve(usage(5)) as call:
            call.settle(usage(2))
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - our own, raised above
        fail()
    assert run.usage == node.usage == usage(2)


def test_an_unknown_price_stays_unknown_in_the_sum():
    assert (Usage(nanos=5) + Usage(nanos=None)).usd is None
    assert (Usage(nanos=5) + Usage(nanos=7)).usd == 12 / NANO


def test_a_price_counts_cached_tokens_as_what_they_cost():
    price = Price(prompt=1.25, completion=10.0, cached=0.125)
    assert price.nanos(1_000_000, 0) == int(1.25 * NANO)
    assert price.nanos(1_000_000, 100_000, cached_tokens=1_000_000) == int(1.125 * NANO)
    assert Price(prompt=0.0001, completion=0).nanos(1, 0) == 1, "rounded up: a call is never free by rounding"


def test_a_narrowed_limit_is_never_raised():
    narrow = Limits(tokens=100, seconds=None).narrowed(tokens=500, seconds=3, calls=None)
    assert (narrow.tokens, narrow.seconds, narrow.calls) == (100, 3, 1_000)
