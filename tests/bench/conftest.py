"""A bench over the sample of our own, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rlm_async.bench.corpora import Corpora
from rlm_async.bench.runner import Bench
from rlm_async.bench.store import Rows
from rlm_async.bench.sweep import Sweep, points
from rlm_async.bench.tasks.catalogue import TASKS, opened

SIZES = {
    "sniah": 8_192,
    "oolong_trec": 4_096,
    "oolong_pairs": 2_048,
    "cuad_corpus": 3,
    "nested_oolong": 2,
    "babi_chain": 1_024,
}
"""The smallest windows that still say something."""


@pytest.fixture
def anyio_backend():
    """Servers here are asyncio's."""
    return "asyncio"


@pytest.fixture(scope="session")
def everything():
    return opened(TASKS, Corpora(None))


@pytest.fixture(scope="session")
def data(shared):
    folder = shared / "data"
    if not (folder / "trec").is_dir():
        pytest.skip(f"no data sets at {folder}")
    return folder


@pytest.fixture
def measured(everything, tmp_path):
    """Runs a sweep over one task and returns its rows."""
    tasks, knowledge = everything

    def run(task, *, questions=None, model="sim-oracle", rows=None, **options):
        sweep = Sweep(models=[(model, model)], clock="virtual", **{"seeds": 1, "sizes": [SIZES[task]], **options})
        bench = Bench({task: tasks[task]}, knowledge, rows or Rows(tmp_path / f"{task}.jsonl"), questions=questions)
        bench.run(points(sweep, bench.tasks))
        return list(bench.rows)

    return run


@pytest.fixture
def variant():
    return replace
