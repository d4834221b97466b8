"""Runs made by hand, and a simulated model with habits for what has to be run."""

from __future__ import annotations

import pytest

from rlm_async.bench.arms import Endpoint, rlm_for
from rlm_async.bench.corpora import Corpora
from rlm_async.bench.points import Point
from rlm_async.bench.tasks.catalogue import opened
from rlm_async.core.answer import Answer
from rlm_async.core.context import Context
from rlm_async.core.events import CellEnded, CellStarted, NodeAdded
from rlm_async.core.query import Query
from rlm_async.core.transcript import CodeError, Output
from rlm_async.learning.items import Scored, of_task
from rlm_async.learning.rolling import Rolled, Roller


def scored(number: int = 0, question: str = "How many?") -> Scored:
    return Scored(question, Context.of(f"text {number}"), "1")


def cells(*pairs: tuple[str, str]) -> tuple[CellStarted | CellEnded, ...]:
    """Events of cells: each its code, and the line that failed; empty where none did."""
    events: list[CellStarted | CellEnded] = []
    for number, (code, failed) in enumerate(pairs):
        error = CodeError("NameError", "no such name", 1, failed) if failed else None
        output = Output(error=error, outcome="error" if failed else "ok")
        events += [
            CellStarted(at=0.0, node=0, cell=number, code=code),
            CellEnded(at=0.0, node=0, cell=number, output=output),
        ]
    return tuple(events)


def asked(characters: int) -> NodeAdded:
    """A plain sub-query with a prompt of that length."""
    query = Query(prompt="x" * characters, context=Context.of(""), model="m", strategy="direct")
    return NodeAdded(at=0.0, node=1, parent=0, depth=1, query=query)


def rolled(score: float, *events: object, number: int = 0, limit: str | None = None) -> Rolled:
    answer = Answer(text="1", status="partial" if limit else "complete", trace=tuple(events), limit=limit)
    return Rolled(scored(number), score, answer)


@pytest.fixture(scope="session")
def needles():
    """Items of small windows of needles, and what the simulated model knows of them."""
    tasks, knowledge = opened(["sniah"], Corpora(None))
    return of_task(tasks["sniah"], 2_048, 6, 0), knowledge


@pytest.fixture(scope="session")
def roller(needles):
    point = Point(
        task="", size=0, seed=0, arm="depth 1", model="sim-strong", sub_model="sim-strong", policy="hasty",
        clock="virtual",
    )  # fmt: skip
    return Roller(lambda profile: rlm_for(point, needles[1], Endpoint(), profile=profile), virtual=True)
