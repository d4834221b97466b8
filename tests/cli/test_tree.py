"""The live tree: which rows, how many, and what they say. Ten thousand nodes are counted, not timed."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from rlm_async.cli.progress import Progress
from rlm_async.cli.rows import ENDED, MOST, QUEUED, rows
from rlm_async.cli.tree import Picture, Tree, doing
from rlm_async.core import events
from rlm_async.core.graph import State
from rlm_async.core.usage import Limits, Usage
from rlm_async.errors import Retried


class CountingNodes(dict):
    """Counts how often a node is looked at."""

    looks = 0

    def __getitem__(self, key):
        self.looks += 1
        return super().__getitem__(key)


@pytest.fixture
def progress():
    return Progress()


def text_of(progress, *, now=10.0, height=40, width=140, plain=False):
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(Picture(progress, plain=plain).drawn(now, height, width))
    return console.file.getvalue()


def ten_thousand(story, progress):
    """A root, a hundred children, a hundred leaves each; half of the leaves of the last ones still run."""
    run = story(progress)
    root = run.node()
    children = [run.node(root, 1) for _ in range(100)]
    run.move(root, State.WAITING)
    for child in children:
        leaves = [run.node(child, 2) for _ in range(99)]
        run.move(child, State.WAITING)
        for leaf in leaves[: 99 if child < 50 else 50]:
            run.move(leaf, State.DONE)
        if child < 50:
            run.move(child, State.RUNNING)
            run.move(child, State.DONE)
    return run


def test_ten_thousand_nodes_take_a_screen_and_no_more(story, progress):
    ten_thousand(story, progress)
    assert len(progress.nodes) == 10_001
    for height in (1, 2, 3, 10, 40, 200, 5_000):
        assert 1 <= len(rows(progress, height)) <= min(height, MOST)
    assert len(rows(progress, 40)) >= 38


def test_drawing_looks_at_as_many_nodes_as_there_are_rows(story, progress):
    ten_thousand(story, progress)
    progress.nodes = CountingNodes(progress.nodes)
    shown = rows(progress, 40)
    assert progress.nodes.looks <= 8 * len(shown)


def test_an_event_costs_the_same_with_ten_thousand_nodes_as_with_ten(story, progress):
    run = story(progress)
    root = run.node()
    progress.nodes = CountingNodes(progress.nodes)
    run.leaf(root)
    few = progress.nodes.looks
    for _ in range(10_000):
        run.node(root, 1)
    progress.nodes.looks = 0
    run.leaf(root)
    assert progress.nodes.looks == few


def test_every_node_is_a_row_or_in_a_fold(story, progress):
    ten_thousand(story, progress)
    shown = rows(progress, 40)
    folds = [row.folded for row in shown if row.folded]
    assert folds
    root_children = [row for row in shown if row.node and row.node.depth == 1]
    last = shown[-1]
    assert last.last == (True,)
    hidden = sum(int(part.split()[0]) for part in last.folded.split(", "))
    assert hidden + len(root_children) == 100


def test_what_is_alive_comes_before_what_is_done(story, progress):
    run = story(progress)
    root = run.node()
    for _ in range(50):
        run.leaf(root)
    alive = [run.node(root, 1) for _ in range(5)]
    shown = [row.node.id for row in rows(progress, 10) if row.node]
    assert set(alive) <= set(shown)
    assert len(shown) == 9  # the root, five alive, three done; and the fold


def test_failures_stay_in_sight(story, progress):
    run = story(progress)
    root = run.node()
    broken = run.node(root, 1)
    run.move(broken, State.FAILED, "ModelRejected: no such model")
    for _ in range(50):
        run.leaf(root)
    assert broken in [row.node.id for row in rows(progress, 8) if row.node]
    assert "ModelRejected" in text_of(progress)


def test_a_small_run_is_shown_whole(story, progress):
    run = story(progress)
    root = run.node()
    for _ in range(3):
        child = run.node(root, 1)
        for _ in range(3):
            run.leaf(child, 2)
        run.move(child, State.DONE)
    shown = rows(progress, 20)
    assert [row.node.id for row in shown] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]


def test_a_shared_node_is_drawn_once_and_linked_elsewhere(story, progress):
    run = story(progress)
    root = run.node()
    first, second = run.node(root, 1), run.node(root, 1)
    leaf = run.node(first, 2)
    run.share(leaf, second, 2)
    drawn = [(row.node.id, row.link) for row in rows(progress, 20)]
    assert drawn == [(root, False), (first, False), (leaf, False), (second, False), (leaf, True)]
    assert f"= node {leaf}, shared" in text_of(progress)


def test_the_picture_tells_who_waits_for_what_and_what_it_costs(story, progress):
    run = story(progress, limits=Limits(usd=2.0, calls=50))
    root = run.node()
    run.leaf(root)
    busy = run.node(root, 1)
    run.ask(busy)
    run.move(root, State.WAITING)
    text = text_of(progress, now=7.0)
    assert "waits for 1 of 2" in text
    assert "asks 7.0 s" in text
    assert "gpt-5-mini" in text
    assert "1 of 50 calls" in text
    assert "$0.0010 of $2" in text


def test_an_unknown_price_is_said(story, progress):
    run = story(progress)
    run.leaf(run.node(), nanos=None)
    assert "price unknown" in text_of(progress)


def test_the_picture_fits_any_terminal(story, progress):
    ten_thousand(story, progress)
    for width, height in ((20, 5), (40, 10), (80, 24), (250, 70)):
        lines = text_of(progress, width=width, height=height).splitlines()
        assert len(lines) <= height
        assert all(len(line) <= width for line in lines)


def test_a_terminal_without_unicode_gets_ascii(story, progress):
    run = story(progress)
    root = run.node()
    for _ in range(60):
        run.leaf(root)
    assert text_of(progress, plain=True).isascii()


def test_control_characters_of_a_prompt_never_reach_the_screen(story, progress):
    run = story(progress)
    root = run.node(prompt="\x1b]0;owned\x07\x1b[2Jwhat \u202eis this\r\nand that")
    assert progress.nodes[root].label == "what is this and that"


def test_the_last_picture_is_short_and_stays(story, progress):
    stream = io.StringIO()
    tree = Tree(progress, stream, lambda: 1.0)
    tree.console = Console(file=stream, force_terminal=True, width=80, height=50, color_system=None)
    tree._live.console = tree.console
    run = story(tree)
    root = run.node()
    for _ in range(300):
        run.leaf(root)
    tree.frame()()
    run.end()
    tree.close()
    last = stream.getvalue().rpartition("\x1b[2K")[2]
    assert "done" in last
    assert last.count("\n") <= 20


def test_before_the_first_event_nothing_is_drawn():
    stream = io.StringIO()
    tree = Tree(Progress(), stream, lambda: 0.0)
    assert tree.frame() is None
    tree.close()
    assert not stream.getvalue()


def test_code_that_runs_is_said(story, progress):
    run = story(progress)
    root = run.node()
    progress.nodes[root].cell = 3.0
    assert doing(progress.nodes[root], 5.0) == "runs code 2.0 s"


def test_what_is_at_work_comes_before_what_has_not_begun(story, progress):
    run = story(progress)
    root = run.node()
    waiting = [run.node(root, 1, state=State.QUEUED) for _ in range(100)]
    busy = waiting[50:60]
    for node in busy:
        run.move(node, State.RUNNING)
    shown = [row.node.id for row in rows(progress, 20) if row.node]
    assert set(busy) <= set(shown)
    assert len(shown) == 1 + 10 + QUEUED
    assert "88 queued" in text_of(progress, height=23)


def test_rows_go_to_who_works_and_not_to_siblings_that_are_done(story, progress):
    run = story(progress)
    root = run.node()
    for _ in range(50):
        run.leaf(root)
    busy = run.node(root, 1)
    leaves = [run.node(busy, 2) for _ in range(50)]
    shown = [row.node.id for row in rows(progress, 30) if row.node]
    assert len(set(shown) & set(leaves)) >= 20
    assert len(set(shown) & set(range(1, 51))) == ENDED


def test_what_has_cost_nothing_shows_no_zeros(story, progress):
    run = story(progress)
    run.node(run.node(), 1)
    assert "0 tokens" not in text_of(progress).splitlines()[1]


@pytest.mark.parametrize(("width", "bar"), [(140, "#####----- 50%"), (80, " 50%")])
def test_progress_and_estimate_are_shown_once_there_is_something_to_go_by(story, progress, width, bar):
    run = story(progress)
    root = run.node()
    for _ in range(10):
        run.leaf(root)
    for _ in range(10):
        run.node(root, 1)
    text = text_of(progress, now=20.0, plain=True, width=width)
    assert bar in text
    assert "about 20 s more" in text
    assert "20 of" not in text


def test_attempts_that_were_made_again_are_shown(story, progress):
    run = story(progress)
    root = run.node()
    run.tell(
        events.ModelReplied,
        node=root,
        call=1,
        model="m",
        usage=Usage(calls=1),
        retries=(Retried("RateLimited", 0.5, 0.5),) * 2,
    )
    assert "2 tried again" in text_of(progress)


def test_columns_stand_below_each_other_in_any_script(story, progress):
    run = story(progress)
    root = run.node()
    for prompt in (
        "which one?",
        "哪一份合同会自动续约以及如何终止它" * 6,
        "naïve café 🙂 " * 20,
    ):
        run.reply(node := run.node(root, 1, prompt=prompt), run.ask(node))
    lines = text_of(progress, width=120).splitlines()
    assert len({cell_len(line) for line in lines[:4]}) == 1
    assert len({cell_len(line.partition("running")[0]) for line in lines[:4]}) == 1


def test_before_the_root_is_there_the_picture_says_so(story, progress):
    story(progress)
    assert "starting" in text_of(progress)
