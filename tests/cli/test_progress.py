"""What the views know of a run, kept up event by event."""

from __future__ import annotations

from random import Random

import pytest

from rlm_async.cli.progress import Progress
from rlm_async.core import events
from rlm_async.core.graph import State
from rlm_async.core.usage import Usage


@pytest.fixture
def progress():
    return Progress()


def test_a_parent_counts_its_children_by_state(story, progress):
    run = story(progress)
    root = run.node()
    run.leaf(root)
    run.node(root, 1)
    run.node(root, 1, state=State.QUEUED)
    run.move(root, State.WAITING)
    seen = progress.nodes[root]
    assert (seen.states[State.DONE], seen.states[State.RUNNING], seen.states[State.QUEUED]) == (1, 1, 1)
    assert list(seen.live) == [2, 3]
    assert progress.states[State.WAITING] == 1


def test_what_a_subtree_spent_reaches_its_root_once_it_ends(story, progress):
    run = story(progress)
    root = run.node()
    child = run.node(root, 1)
    run.leaf(child, 2)
    run.leaf(child, 2)
    assert progress.nodes[root].spent.tokens == 0
    run.move(child, State.DONE)
    assert progress.nodes[root].spent.tokens == 200
    assert progress.spent.tokens == 200


def test_a_shared_node_is_counted_once_and_known_to_both_parents(story, progress):
    run = story(progress)
    root = run.node()
    first, second = run.node(root, 1), run.node(root, 1)
    leaf = run.node(first, 2)
    run.share(leaf, second, 2)
    assert list(progress.nodes[second].live) == [leaf]
    run.reply(leaf, run.ask(leaf))
    run.move(leaf, State.DONE)
    assert not progress.nodes[first].live
    assert not progress.nodes[second].live
    assert (progress.nodes[first].spent.tokens, progress.nodes[second].spent.tokens) == (100, 0)
    assert progress.spent.calls == 1


def test_a_finished_node_can_be_shared_too(story, progress):
    run = story(progress)
    root = run.node()
    leaf = run.leaf(root)
    other = run.node(root, 1)
    run.share(leaf, other, 2)
    run.share(leaf, other, 2)
    assert progress.nodes[other].states[State.DONE] == 1
    assert not progress.nodes[other].live


def test_one_unknown_price_is_not_lost_in_the_sum(story, progress):
    run = story(progress)
    root = run.node()
    run.leaf(root, nanos=5_000_000)
    run.leaf(root, nanos=None)
    assert (progress.spent.nanos, progress.spent.unknown) == (5_000_000, True)


def test_calls_in_flight_end_with_their_reply_or_their_node(story, progress):
    run = story(progress)
    root = run.node()
    one, two = run.ask(root), run.ask(root)
    assert (progress.in_flight, list(progress.nodes[root].asking)) == (2, [one, two])
    run.reply(root, one)
    assert progress.in_flight == 1
    run.reply(root, two)
    assert not progress.nodes[root].asking


def test_rates_forget_what_is_older_than_a_minute(story, progress):
    run = story(progress)
    root = run.node()
    run.leaf(root)
    run.at = 30.0
    run.leaf(root)
    assert progress.flow.per_minute(60.0) == (2.0, 200.0)
    assert progress.flow.per_minute(61.0) == (1.0, 100.0)
    assert progress.flow.per_minute(200.0) == (0.0, 0.0)


def test_the_estimate_needs_something_to_go_by(story, progress):
    run = story(progress)
    root = run.node()
    for _ in range(10):
        run.leaf(root)
    assert progress.seconds_left(20.0) is None
    for _ in range(9):
        run.node(root, 1)
    assert progress.share == 10 / 19
    assert progress.seconds_left(20.0) == pytest.approx(18.0)


def test_progress_is_what_the_tree_says_and_not_how_many_nodes_have_ended(story, progress):
    run = story(progress)
    root = run.node()
    whole, half, *_ = [run.node(root, 1) for _ in range(4)]
    for _ in range(50):
        run.leaf(whole, 2)
    run.move(whole, State.DONE)
    leaves = [run.node(half, 2) for _ in range(10)]
    assert progress.share == 0.25
    for leaf in leaves[:5]:
        run.move(leaf, State.DONE)
    assert progress.share == pytest.approx(0.375)
    for leaf in leaves[5:]:
        run.move(leaf, State.DONE)
    run.move(half, State.DONE)
    assert progress.share == pytest.approx(0.5)
    assert progress.seconds_left(30.0) is None  # too few are at work to tell


def test_a_shared_node_counts_for_each_of_its_parents_once_it_has_ended(story, progress):
    run = story(progress)
    root = run.node()
    first, second = run.node(root, 1), run.node(root, 1)
    leaf = run.node(first, 2)
    run.share(leaf, second, 2)
    run.move(leaf, State.DONE)
    assert progress.share == pytest.approx(1.0)
    run.move(first, State.DONE)
    run.move(second, State.DONE)
    assert progress.share == pytest.approx(1.0)


def test_progress_adds_up_whatever_the_order(story, progress):
    run, chance = story(progress), Random(3)
    root = run.node()
    alive = []
    for _ in range(300):
        if len(alive) < 3 or chance.random() < 0.6:
            parent = chance.choice([root, *alive])
            alive.append(run.node(parent, progress.nodes[parent].depth + 1))
        else:
            childless = [node for node in alive if not progress.nodes[node].live]
            ended = chance.choice(childless)
            alive.remove(ended)
            run.move(ended, State.DONE)

    def whole(number):
        node = progress.nodes[number]
        if not node.children:
            return 0.0
        parts = [1.0 if progress.nodes[child].state is State.DONE else whole(child) for child in node.children]
        return sum(parts) / len(parts)

    assert progress.share == pytest.approx(whole(root))


def test_the_last_draft_of_the_root_is_kept_for_an_early_end(story, progress):
    run = story(progress)
    root = run.node()
    child = run.node(root, 1)
    run.draft(root, "it is about whales")
    run.draft(child, "it is about bees")
    assert progress.draft == "it is about whales"
    run.draft(root, {"topic": "whales"})
    assert "whales" in progress.draft


def test_what_was_asked_ahead_for_nothing_is_counted_too(story, progress):
    run = story(progress)
    root = run.node()
    usage = Usage(calls=1, prompt_tokens=90, completion_tokens=10, nanos=5)
    run.tell(events.Speculated, node=root, model="m", usage=usage)
    assert (progress.spent.calls, progress.spent.tokens, progress.nodes[root].spent.nanos) == (1, 100, 5)
