"""touch and deep_touch make values real, each once, wherever they lie."""

import gc
from collections import Counter, OrderedDict, defaultdict, deque
from typing import NamedTuple

import pytest

from rlm_async.sandbox.handles import Handle, deep_touch, touch


class Later:
    """A pending value that counts how often it is asked for."""

    def __init__(self, value):
        self.value = value
        self.asked = 0

    def done(self):
        return True

    def tickets(self):
        return ()

    def abandon(self):
        pass

    def result(self):
        self.asked += 1
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def handle(value="v"):
    return Handle(Later(value))


class Pair(NamedTuple):
    a: object
    b: object


def test_touch_is_the_identity_for_what_is_real():
    for value in (1, "a", None, [1], object()):
        assert touch(value) is value
    assert touch(handle("x")) == "x"


def test_live_counts_handles_in_existence():
    gc.collect()
    before = Handle.live
    a, b = handle(), handle()
    assert Handle.live == before + 2
    a.force()
    assert Handle.live == before + 2
    del a, b
    assert Handle.live == before


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: [handle(1), [handle(2)]], [1, [2]]),
        (lambda: {"a": handle(1), "b": {"c": (handle(2), 3)}}, {"a": 1, "b": {"c": (2, 3)}}),
        (lambda: (1, handle(2), [handle(3)]), (1, 2, [3])),
        (lambda: Pair(handle(1), [handle(2)]), Pair(1, [2])),
        (lambda: defaultdict(list, k=[handle(1)]), {"k": [1]}),
        (lambda: OrderedDict(k=handle(1)), OrderedDict(k=1)),
        (lambda: Counter({"a": 1}), Counter("a")),
        (lambda: deque([handle(1)]), deque([1])),
        (lambda: {handle("k"): 1, ("t", handle("u")): 2}, {"k": 1, ("t", "u"): 2}),
        (lambda: {handle("a"), ("b", handle("c"))}, {"a", ("b", "c")}),
        (lambda: frozenset([handle("a")]), frozenset("a")),
    ],
)
def test_deep_touch_reaches_into_plain_containers(make, expected):
    value = make()
    real = deep_touch(value)
    assert repr(real) == repr(expected) or real == expected
    assert type(real) is type(value)
    assert "Handle" not in repr(list(real))
    gc.collect()


def test_deep_touch_changes_lists_in_place_and_leaves_real_tuples_alone():
    inner = [handle(1)]
    outer = [inner]
    assert deep_touch(outer) is outer
    assert inner == [1]
    real, keep = (1, "a", [2]), handle()
    assert deep_touch(real) is real
    del keep


def test_deep_touch_ends_in_circles_and_walks_shared_parts_once():
    later = Later(1)
    loop = [Handle(later)]
    loop.append(loop)
    shared = [Handle(later)]
    assert deep_touch([loop, shared, shared])[0][0] == 1
    assert later.asked == 2
    layers = []
    for _ in range(40):
        layers = [layers, layers]
    assert deep_touch([handle(), layers])[0] == "v"


def test_an_error_passes_through_every_touch():
    broken = handle(ValueError("no"))
    for use in (touch, deep_touch, str, bool, len, hash, iter, lambda h: h + 1, lambda h: deep_touch([h])):
        with pytest.raises(ValueError, match="no"):
            use(broken)


def test_the_second_net_of_operators_gives_the_real_results():
    h, n = handle("ab"), handle(5)
    assert h == "ab"
    assert h != "b"
    assert "ab" == h  # noqa: SIM300  # the other way round is another method
    assert h + "c" == "abc"
    assert "c" + h == "cab"
    assert h * 2 == "abab"
    assert "a" in h
    assert h[1] == "b"
    assert list(h) == ["a", "b"]
    assert len(h) == 2
    assert f"{h:>4}" == "  ab"
    assert f"{h!r}" == "'ab'"
    assert {"ab": 1}[h] == 1
    assert h < "b" <= handle("b")
    assert 10 - n == 5
    assert n - 1 == 4
    assert int(n) == 5
    assert float(n) == 5.0
