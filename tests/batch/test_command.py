"""`rlm-async batch`: what it reads, what it writes, how it ends, and what it does not pay for twice."""

from __future__ import annotations

import json

import pytest

from rlm_async.testing import Served


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def table(tmp_path):
    def write(rows, name="questions.jsonl"):
        path = tmp_path / name
        path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
        return path

    return write


@pytest.fixture
def run(command, endpoint, table, tmp_path):
    """Runs a batch over `rows` against `replies`; gives how it ended, its results and the server."""
    out = tmp_path / "results.jsonl"

    def batch(rows, replies="yes", *options):
        served = replies if hasattr(replies, "options") else endpoint(replies)
        questions = rows if not isinstance(rows, list) else table(rows)
        done = command("batch", questions, "-o", out, "--strategy", "direct", *options, *served.options)
        return done, lines(out) if out.exists() else [], served

    return batch


def test_each_line_in_gives_one_line_out(run):
    done, found, served = run([{"id": "a", "question": "x?"}, {"id": "b", "question": "y?", "context": "blue"}])
    assert done.returncode == 0, done.stderr
    assert {line["id"] for line in found} == {"a", "b"}
    for line in found:
        assert (line["text"], line["status"]) == ("yes", "complete")
        assert set(line["usage"]) == {"calls", "tokens", "usd", "seconds"}
        assert line["run"]
    assert "2 of 2 items" in done.stderr
    assert len(served.server.requests) == 2


def test_the_same_command_again_asks_nothing(run):
    rows = [{"question": f"question {i}?"} for i in range(5)]
    _, before, served = run(rows)
    done, after, _ = run(rows, served)
    assert done.returncode == 0
    assert "5 of 5 items have a result already" in done.stderr
    assert after == before
    assert len(served.server.requests) == 5


def test_only_what_was_not_done_is_asked(run, tmp_path):
    rows = [{"question": f"question {i}?"} for i in range(6)]
    _, found, served = run(rows)
    kept = (tmp_path / "results.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "results.jsonl").write_text("".join(kept[:3]) + kept[3][:20])  # a torn fourth line
    _, found, _ = run(rows, served, "--journal", "none")
    assert sorted(line["id"] for line in found) == [str(i) for i in range(1, 7)]
    assert len(served.server.requests) == 9


def test_the_journal_answers_again_what_only_the_results_had_lost(run, tmp_path):
    rows = [{"question": f"question {i}?"} for i in range(6)]
    _, _, served = run(rows)
    (tmp_path / "results.jsonl").unlink()
    done, found, _ = run(rows, served)
    assert done.returncode == 0, done.stderr
    assert len(found) == 6
    assert len(served.server.requests) == 6


def test_failed_items_are_named_and_asked_again_alone(run):
    rows = [{"question": f"question {i}?"} for i in range(4)] + [{"id": "empty"}]
    bad = True

    def reply(asked):
        return Served(status=400, text="not allowed") if bad and "question 2" in asked.prompt else "yes"

    done, found, served = run(rows, reply)
    assert done.returncode == 1
    assert "2 items failed; --only-failed asks them again:" in done.stderr
    assert "  3: " in done.stderr
    assert "  empty: row 5: no question" in done.stderr
    assert {line["id"]: line["status"] for line in found}["3"] == "failed"
    assert run(rows, served)[0].returncode == 0, "what failed is done too, until it is asked for"
    asked = len(served.server.requests)
    bad = False
    done, found, _ = run(rows, served, "--only-failed")
    assert len(served.server.requests) == asked + 1
    assert {line["id"]: line["status"] for line in found} == {
        "1": "complete", "2": "complete", "3": "complete", "4": "complete", "empty": "failed",
    }  # fmt: skip
    assert len(found) == 5


def test_a_dry_run_tells_the_cost_and_asks_nothing(run, tmp_path):
    done, found, served = run([{"question": f"question {i}?"} for i in range(100)], "yes", "--dry-run")
    assert done.returncode == 0
    assert "100 items to ask" in done.stdout
    assert "calls   100\n" in done.stdout
    assert "price unknown" in done.stdout
    assert found == []
    assert not served.server.requests


def test_a_dry_run_goes_by_what_was_measured(run, endpoint):
    rows = [{"question": f"question {i}?"} for i in range(20)]
    served = endpoint(Served(text="yes", tokens=(900, 100, 0)))
    run(rows[:10], served)
    done, _, _ = run(rows, served, "--dry-run", "--json")
    told = json.loads(done.stdout)
    assert (told["items"], told["measured"]) == (10, 10)
    assert told["tokens"][0] < 10_000 <= told["tokens"][1]


def test_results_of_other_questions_are_not_mixed_in(run):
    _, _, served = run([{"id": "a", "question": "x?"}])
    done, found, _ = run([{"id": "a", "question": "another?"}], served)
    assert done.returncode == 2
    assert "another question for item 'a'" in done.stderr
    assert len(found) == 1
    done, found, _ = run([{"id": "a", "question": "another?"}], served, "--overwrite")
    assert (done.returncode, len(found), len(served.server.requests)) == (0, 1, 2)


def test_a_file_that_holds_no_results_is_not_touched(run, endpoint, tmp_path):
    out = tmp_path / "results.jsonl"
    out.write_text("my diary\n")
    with pytest.raises(ValueError, match="Expecting value"):
        run([{"question": "x?"}])
    assert out.read_text() == "my diary\n"


def test_ordered_results_stand_in_the_order_of_the_items(run):
    def reply(asked):
        return Served(text="yes", latency=0.1 if "question 0?" in asked.prompt else 0.0)

    _, found, _ = run([{"question": f"question {i}?"} for i in range(8)], reply, "--ordered")
    assert [line["id"] for line in found] == [str(i) for i in range(1, 9)]


def test_csv_fills_a_template(run, table):
    path = table(["id,name,context", 'a,Ann,"Ann is 7, she says"', "b,Bob,Bob is 9"], "people.csv")
    done, found, served = run(path, "7", "--question", "How old is {name}?")
    assert done.returncode == 0, done.stderr
    prompts = sorted(asked.prompt for asked in served.server.requests)
    assert "How old is Ann?" in prompts[0]
    assert "Ann is 7, she says" in prompts[0]
    assert {line["id"] for line in found} == {"a", "b"}


def test_parquet_is_read_too(run, tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    from pyarrow import parquet

    path = tmp_path / "q.parquet"
    parquet.write_table(pyarrow.table({"id": [1, 2], "question": ["x?", None]}), path)
    done, found, _ = run(path)
    assert done.returncode == 1
    assert {line["id"]: line["status"] for line in found} == {"1": "complete", "2": "failed"}


def test_many_questions_over_one_corpus(run, tmp_path):
    (tmp_path / "book.txt").write_text("The whale was white.")
    rows = [{"question": f"question {i}?"} for i in range(5)]
    _, found, served = run(rows, "yes", tmp_path / "book.txt")
    assert len(found) == 5
    assert all("The whale was white." in asked.prompt for asked in served.server.requests)


def test_one_question_over_many_documents(command, endpoint, tmp_path):
    folder = tmp_path / "deals"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text(f"party {name}")
    served = endpoint(lambda asked: asked.prompt.partition("party ")[2][0])
    out = tmp_path / "out.jsonl"
    done = command("batch", folder, "--each", "--question", "Who signed {name}?", "-o", out, *served.options)
    assert done.returncode == 0, done.stderr
    assert {line["id"]: line["text"] for line in lines(out)} == {"a.txt": "a", "b.txt": "b", "c.txt": "c"}


def test_every_answer_fits_the_schema_and_is_mended_where_it_does_not(run, tmp_path):
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}')

    def reply(asked):
        return '{"n": 3}' if "does not fit" in asked.prompt else '{"n": "three"}'

    done, found, served = run([{"question": "how many?"}], reply, "--schema", schema)
    assert done.returncode == 0, done.stderr
    assert found[0]["data"] == {"n": 3}
    assert len(served.server.requests) == 2


def test_a_total_stops_the_batch_and_a_higher_one_goes_on(run):
    rows = [{"question": f"question {i}?"} for i in range(20)]
    done, found, served = run(rows, "yes", "--total", "calls=7", "--concurrency", "2", "--items", "2")
    assert done.returncode == 3, done.stderr
    assert "stopped: the batch's own limit was reached (calls limit of the batch" in done.stderr
    assert "the same command goes on with 13 items" in done.stderr
    assert len(served.server.requests) == 7
    assert sum(line["status"] == "complete" for line in found) == 7
    done, found, _ = run(rows, served)
    assert done.returncode == 0, done.stderr
    assert len(found) == 20
    assert len(served.server.requests) == 20


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--total", "turns=3"], "a whole batch has limits on"),
        (["--question", "How old is {name?"], "stray brace"),
        (["--each"], "name files or folders"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked(run, options, says):
    done, _, served = run([{"question": "x?"}], "yes", *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert not served.server.requests


def test_ids_must_differ(run):
    done, _, served = run([{"id": "a", "question": "x?"}, {"id": "a", "question": "y?"}])
    assert done.returncode == 2
    assert "item 2 has the id 'a', which another has" in done.stderr
    assert not served.server.requests


def test_several_processes_answer_one_batch(process, endpoint, table, tmp_path):
    served = endpoint("yes")
    rows = [{"question": f"question {i}?"} for i in range(12)]
    done = process("batch", table(rows), "-o", "out.jsonl", "--workers", "2", "--strategy", "direct", *served.options)
    assert done.returncode == 0, done.stderr
    assert len(lines(tmp_path / "out.jsonl")) == 12
    assert len(served.server.requests) == 12


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--executor", "redis://x"], "name a database"),
        (["--workers", "0"], "whole number of 1 or more"),
        (["--workers", "2", "--total", "usd=1"], "--total usd over several processes needs --limit usd"),
        (["--executor", "postgresql://127.0.0.1:1/x"], "the database cannot be used"),
    ],
)
def test_an_executor_that_cannot_be_had_is_told(run, options, says):
    done, _, _ = run([{"question": "x?"}], "yes", *options)
    assert done.returncode == 2
    assert says in done.stderr


def test_fresh_uses_no_call_of_the_journal_again(run, tmp_path):
    rows = [{"question": f"question {i}?"} for i in range(4)]
    _, _, served = run(rows)
    (tmp_path / "results.jsonl").unlink()
    done, found, _ = run(rows, served, "--fresh", "--no-color")
    assert done.returncode == 0, done.stderr
    assert len(found) == 4
    assert len(served.server.requests) == 8


def test_a_journal_without_words_answers_nothing_again_and_holds_none(run, tmp_path):
    rows = [{"question": "where is the treasure?", "context": "under the oak"}]
    _, _, served = run(rows, "under the oak", "--journal-content", "none")
    (tmp_path / "results.jsonl").unlink()
    run(rows, served, "--journal-content", "none")
    assert len(served.server.requests) == 2
    journal = b"".join(path.read_bytes() for path in tmp_path.glob("results.jsonl.journal*"))
    assert journal
    assert b"oak" not in journal
    done, _, _ = run(rows, served, "--journal-content", "some", "--overwrite")
    assert done.returncode == 2
    assert "choose one of full, no-context, none" in done.stderr


def test_cited_answers_bring_their_quotes(run):
    def reply(asked):
        quote = "the whale was grey" if "grey" in asked.prompt else "nobody said so"
        claim = {"claim": "it was grey", "document": "context", "quote": quote}
        return json.dumps({"answer": "grey", "citations": [claim]})

    rows = [
        {"id": "a", "question": "which colour?", "context": "They say the whale was grey."},
        {"id": "b", "question": "which colour?", "context": "They say the whale was blue."},
    ]
    done, found, _ = run(rows, reply, "--cite")
    one, other = (next(line for line in found if line["id"] == name) for name in "ab")
    assert (one["text"], one["status"]) == ("grey", "complete"), done.stderr
    assert one["citations"][0]["quote"] == "the whale was grey"
    assert one["citations"][0]["start"] == 9
    assert other["status"] != "complete"
