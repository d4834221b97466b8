"""Plain lines: worth reading, and few."""

from __future__ import annotations

import io

from rlm_async.cli.lines import FAILURES, Lines
from rlm_async.cli.progress import Progress
from rlm_async.core import events
from rlm_async.core.graph import State


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def told(story, **kwargs):
    clock, stream = Clock(), io.StringIO()
    view = Lines(Progress(), stream, clock)
    return story(view, **kwargs), view, clock, stream


def shown(view):
    frame = view.frame()
    if frame is not None:
        frame()


def test_ten_thousand_nodes_give_a_handful_of_lines(story):
    run, view, clock, stream = told(story)
    root = run.node()
    for number in range(10_000):
        run.leaf(root)
        clock.now = number / 100
        shown(view)
    lines = stream.getvalue().splitlines()
    assert 10 <= len(lines) <= 20
    assert lines[0].startswith("5.0 s: ")


def test_a_silent_run_still_says_that_it_lives(story):
    run, view, clock, stream = told(story)
    run.ask(run.node())
    clock.now = 6.0
    shown(view)
    shown(view)
    assert stream.getvalue().count("\n") == 1
    assert "1 call in flight" in stream.getvalue()


def test_only_the_first_failures_are_listed(story):
    run, _, _, stream = told(story)
    root = run.node()
    for _ in range(100):
        run.move(run.node(root, 1), State.FAILED, "ModelUnavailable: the endpoint is away\nand more")
    lines = stream.getvalue().splitlines()
    assert len(lines) == FAILURES + 1
    assert lines[0] == "node 1 failed: ModelUnavailable: the endpoint is away and more"


def test_how_the_root_is_answered_and_a_limit_are_said_once(story):
    run, _, _, stream = told(story)
    root = run.node()
    run.tell(events.StrategyChosen, node=root, strategy="repl", reason="the input is long")
    for _ in range(3):
        run.tell(events.LimitHit, node=root, scope="the run", resource="calls")
    assert stream.getvalue().splitlines() == [
        "answering with repl: the input is long",
        "limit reached: calls of the run",
    ]
