"""Rows in a file that only grows."""

from __future__ import annotations

import pytest

from rlm_async.bench.points import Point, Row
from rlm_async.bench.store import Rows, read_rows
from rlm_async.errors import ConfigError


def row(key="a-0", **facts):
    point = Point(task="sniah", size=8, seed=facts.pop("seed", 0), arm="direct", model="m", sub_model="m")
    whole = {"source": "real", "family": "single", "tokens": 8, "score": 1.0, "status": "complete", **facts}
    return Row(key=key, point=point, **whole)


def test_rows_come_back_as_they_were_written(tmp_path):
    rows = Rows(tmp_path / "deep" / "rows.jsonl")
    written = row(by_depth={"0": (1, 2, 0.5), "1": (3, 4, None)}, usd=None, said="é\n")
    rows.add(written)
    assert list(Rows(rows.path)) == [written]
    assert "a-0" in Rows(rows.path)


def test_a_line_that_was_cut_by_a_kill_is_run_again_and_spoils_nothing(tmp_path):
    rows = Rows(tmp_path / "rows.jsonl")
    rows.add(row("a-0"))
    with rows.path.open("a") as file:
        file.write(row("b-0").written()[:70])
    taken_up = Rows(rows.path)
    assert "b-0" not in taken_up
    taken_up.add(row("b-0"))
    assert [found.key for found in Rows(rows.path)] == ["a-0", "b-0"]


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text('{"id": 1}\n{"id": 2}\n')
    with pytest.raises(ConfigError, match="line 1 is no row"):
        Rows(path)
    with pytest.raises(ConfigError, match="cannot read"):
        read_rows([tmp_path / "nowhere"])


def test_a_cell_is_named_by_all_of_it(variant):
    point = row().point
    others = [
        variant(point, **{name: value})
        for name, value in {"seed": 1, "data": "trec@1", "concurrency": 2, "shared": False, "clock": "virtual"}.items()
    ]
    assert len({point.key(0), point.key(1), *(other.key(0) for other in others)}) == 7


def test_what_is_there_is_not_asked_again(measured, tmp_path):
    rows = Rows(tmp_path / "again.jsonl")
    first = measured("sniah", arms=["depth 1"], rows=rows)
    size = rows.path.stat().st_size
    assert measured("sniah", arms=["depth 1"], rows=Rows(rows.path)) == first
    assert rows.path.stat().st_size == size
    measured("sniah", arms=["depth 1", "direct"], rows=Rows(rows.path))
    assert len(list(Rows(rows.path))) == 2 * len(first)
