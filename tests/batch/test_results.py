"""The file of results: whole after any crash, never two lines of one item, one writer."""

from __future__ import annotations

import json

import pytest

from rlm_async.batch.results import Results
from rlm_async.core.items import Item, failed
from rlm_async.errors import ConfigError, InternalError, Refused


def result(name, **more):
    made = failed(Item(id=name, question="q?"), Refused("no"))
    return type(made)(id=name, record={**made.record, **more})


def ids(path):
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "results.jsonl"


def test_a_line_is_in_the_file_at_once_and_once(path):
    with Results.opened(path) as results:
        results.append(result("a"))
        results.append(result("a", text="again"))
        assert ids(path) == ["a"]
    with Results.opened(path) as results:
        assert list(results.kept) == ["a"]
        assert results.kept["a"].status == "failed"


@pytest.mark.parametrize("cut", range(1, 30, 7))
def test_a_torn_last_line_is_cut_off_wherever_it_was_torn(path, cut):
    with Results.opened(path) as results:
        results.append(result("a"))
        results.append(result("b"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with Results.opened(path) as results:
        kept = list(results.kept)
        results.append(result("c"))
    assert kept == (["a", "b"] if cut == 1 else ["a"]), "only the line break was missing, or the line is gone"
    assert ids(path) == [*kept, "c"]


def test_a_torn_first_line_of_ours_is_cut_off_too(path):
    path.parent.mkdir()
    path.write_bytes(b'{"id":"a","te')
    with Results.opened(path) as results:
        assert results.kept == {}
    assert path.read_bytes() == b""


@pytest.mark.parametrize("text", ["my diary", "my diary\n", '{"name": 1}\n', '{"id": "a"}\nrubbish\n{"id": "b"}\n'])
def test_what_is_no_file_of_results_is_left_alone(path, text):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ConfigError, match="is no file of results"), Results.opened(path):
        pass
    assert path.read_text() == text


def test_dropped_lines_are_gone_and_the_others_are_as_they_were(path):
    with Results.opened(path) as results:
        for name in "abcde":
            results.append(result(name, text=f"ü {name}", status="complete" if name in "bd" else "failed"))
        assert results.drop(lambda _, kept: kept.status == "failed") == 3
        assert ids(path) == ["b", "d"]
        results.append(result("a", text="new"))
        assert [(line["id"], line["text"]) for line in results.records()] == [("b", "ü b"), ("d", "ü d"), ("a", "new")]
    assert ids(path) == ["b", "d", "a"]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_arranged_lines_stand_in_the_order_of_the_items(path):
    with Results.opened(path) as results:
        for name in "cxab":
            results.append(result(name))
        results.arrange(["a", "b", "c", "d"])
        assert ids(path) == ["a", "b", "c", "x"]
        assert [line["id"] for line in results.records()] == ["a", "b", "c", "x"]


def test_two_writers_are_refused(path):
    with Results.opened(path) as results:
        results.append(result("a"))
        with pytest.raises(ConfigError, match="another batch writes"), Results.opened(path):
            pass
        results.drop(lambda *_: True)
        with pytest.raises(ConfigError, match="another batch writes"), Results.opened(path):
            pass


def test_a_full_disk_is_said_and_what_was_there_stays(path, monkeypatch):
    with Results.opened(path) as results:
        results.append(result("a"))
    with Results.opened(path) as results:
        monkeypatch.setattr("rlm_async.batch.results.os.write", no_space)
        with pytest.raises(ConfigError, match="No space left"):
            results.append(result("b"))
    assert ids(path) == ["a"]


def no_space(*_):
    raise OSError(28, "No space left on device")


def test_a_result_keeps_what_it_cost_before_it_failed():
    error = InternalError("x")
    assert failed(Item(id="a", question="q?"), error).record["usage"]["calls"] == 0
