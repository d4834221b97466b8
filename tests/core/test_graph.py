"""The graph shares equal queries, refuses cycles and fan-out, and moves states by its table only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_async.core.context import Context
from rlm_async.core.graph import FINAL, MOVES, Graph, State
from rlm_async.core.query import Query
from rlm_async.errors import CycleRefused, FanoutExceeded, InvalidTransition


def query(prompt: str, **more) -> Query:
    return Query(prompt=prompt, model="m", **more)


def test_equal_queries_are_one_node_with_several_parents():
    graph = Graph(fanout=9)
    root, _ = graph.add(query("root"))
    left, _ = graph.add(query("left"), root)
    right, _ = graph.add(query("right"), root)
    first, new = graph.add(query("leaf"), left)
    again, newer = graph.add(query("leaf"), right)
    assert first is again
    assert (new, newer) == (True, False)
    assert list(again.parents) == [left.id, right.id]


@pytest.mark.parametrize(
    "other",
    [
        {"sample": 1},
        {"schema": "{}"},
        {"context": Context.of("x")},
        {"strategy": "repl"},
        {"profile": "legal"},
        {"history": (("q", "a"),)},
    ],
)
def test_whatever_decides_the_answer_makes_another_node(other):
    graph = Graph(fanout=9)
    root, _ = graph.add(query("root"))
    graph.add(query("leaf"), root)
    assert graph.add(query("leaf", **other), root)[1]


def test_an_unshared_query_is_always_new():
    graph = Graph(fanout=9)
    root, _ = graph.add(query("root"))
    assert graph.add(query("leaf"), root, shared=False)[1]
    assert graph.add(query("leaf"), root, shared=False)[1]


@pytest.mark.parametrize("end", [State.FAILED, State.CANCELLED])
def test_a_failed_node_is_not_shared(end):
    graph = Graph(fanout=9)
    root, _ = graph.add(query("root"))
    leaf, _ = graph.add(query("leaf"), root)
    graph.move(leaf, State.RUNNING)
    graph.move(leaf, end)
    assert graph.add(query("leaf"), root)[1]


def test_a_query_never_waits_for_its_own_ancestor():
    graph = Graph(fanout=9)
    root, _ = graph.add(query("root"))
    child, _ = graph.add(query("child"), root)
    grandchild, _ = graph.add(query("grandchild"), child)
    for prompt in ("root", "child", "grandchild"):
        with pytest.raises(CycleRefused):
            graph.add(query(prompt), grandchild)


def test_a_cycle_through_a_shared_node_is_refused():
    graph = Graph(fanout=9)
    root, _ = graph.add(query("root"))
    a, _ = graph.add(query("a"), root)
    b, _ = graph.add(query("b"), root)
    graph.add(query("b"), a)
    with pytest.raises(CycleRefused):
        graph.add(query("a"), b)


def test_fan_out_counts_different_children():
    graph = Graph(fanout=2)
    root, _ = graph.add(query("root"))
    graph.add(query("a"), root)
    graph.add(query("b"), root)
    graph.add(query("a"), root)
    with pytest.raises(FanoutExceeded, match="may ask 2"):
        graph.add(query("c"), root)


@given(st.lists(st.sampled_from(list(State)), max_size=6))
def test_states_move_by_the_table_only(wanted):
    graph = Graph(fanout=1)
    node, _ = graph.add(query("q"))
    for state in wanted:
        if state in MOVES[node.state]:
            graph.move(node, state)
        else:
            with pytest.raises(InvalidTransition, match=f"-> {state}"):
                graph.move(node, state)
            assert node.state is not state or node.state in FINAL or state is node.state


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), max_size=60))
def test_any_order_of_asking_keeps_the_graph_acyclic(asked):
    graph = Graph(fanout=100)
    graph.add(query("root"))
    for parent, prompt in asked:
        if parent < len(graph.nodes):
            try:
                graph.add(query(str(prompt)), graph.nodes[parent])
            except CycleRefused:
                continue
    for node in graph.nodes:
        assert node not in list(node.ancestors())


def test_a_node_is_shown_without_its_neighbours():
    graph = Graph(fanout=100)
    above, _ = graph.add(query("0"))
    for i in range(1, 40):
        above, _ = graph.add(query(str(i)), above)
    assert len(repr(graph.nodes)) < 40 * 600
