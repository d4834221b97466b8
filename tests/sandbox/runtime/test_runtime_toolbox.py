"""peek, grep, search, chunks and count_tokens over contexts of every shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_async.sandbox.ranking import Index, Scan
from rlm_async.sandbox.toolbox import Toolbox
from tests.sandbox.runtime.runtime_fakes import Repl

TEXT = "First line.\nSecond line has a Needle.\n\nThird paragraph, no needle? Yes.\nLast line"
DOCS = {"a.txt": "alpha beta\ngamma", "b.txt": "beta beta delta", "c.txt": "epsilon"}


def box(context):
    return Toolbox(context, dict)


def test_peek_shows_beginning_end_and_middle():
    tool = box(TEXT)
    assert tool.peek(5) == "First"
    assert tool.peek(-4) == "line"
    assert tool.peek(6, 10) == "line"
    assert tool.peek(slice(6, 10)) == "line"
    assert tool.peek() == TEXT


def test_peek_at_documents_names_them_and_can_pick_one():
    tool = box(DOCS)
    assert tool.peek().startswith("3 documents, 38 characters\n--- a.txt (16 characters)\nalpha beta")
    assert tool.peek(5, doc="a.txt") == tool.peek(5, doc=0) == "alpha"
    assert box(["x", "y"]).peek(doc=-1) == "y"
    with pytest.raises(KeyError, match=r"no document 'd.txt'; there are 3: a.txt, b.txt, c.txt"):
        tool.peek(doc="d.txt")


def test_grep_gives_line_offset_and_text():
    assert box(TEXT).grep("needle") == [
        {"doc": "context", "line": 4, "offset": 59, "text": "Third paragraph, no needle? Yes."}
    ]
    both = box(TEXT).grep("needle", ignore_case=True)
    assert [hit["line"] for hit in both] == [2, 4]
    assert all(TEXT[hit["offset"] :].lower().startswith("needle") for hit in both)


def test_grep_shows_context_stops_at_its_maximum_and_counts_a_line_once():
    assert box(TEXT).grep("Needle", context=1)[0]["text"] == "First line.\nSecond line has a Needle."
    assert box(TEXT).grep("Last", context=9)[0]["text"] == TEXT
    assert len(box("a\n" * 100).grep("a", max=7)) == 7
    assert len(box("a a a\na").grep("a")) == 2
    assert len(box("x\n" * 80).grep("x")) == 50


def test_grep_takes_regular_expressions_and_plain_text_with_brackets():
    assert [hit["line"] for hit in box(TEXT).grep(r"^\w+ line")] == [1, 2, 5]
    assert box("cost (USD: 5").grep("(USD: 5")[0]["line"] == 1
    assert box(TEXT).grep("absent") == []


def test_grep_over_documents_names_them_and_over_another_text_too():
    assert [(hit["doc"], hit["line"]) for hit in box(DOCS).grep("beta")] == [("a.txt", 1), ("b.txt", 1)]
    assert box(DOCS).grep("x", over="1\nx")[0]["line"] == 2
    assert box(["a", "b"]).grep("b")[0]["doc"] == "1"


def test_a_match_in_a_very_long_line_is_shown_with_its_surroundings_only():
    hit = box("a" * 50_000 + "NEEDLE" + "b" * 50_000).grep("NEEDLE")[0]
    assert hit["offset"] == 50_000
    assert "NEEDLE" in hit["text"]
    assert len(hit["text"]) < 1_000


def test_search_ranks_the_passage_with_the_rare_word_first():
    tool = box(DOCS)
    found = tool.search("delta beta", 2)
    assert [hit["doc"] for hit in found] == ["b.txt", "a.txt"]
    assert found[0]["score"] > found[1]["score"] > 0
    assert found[0]["text"] == DOCS["b.txt"]
    assert tool.search("nothing of it") == []


def test_search_cuts_a_long_text_into_passages_that_stand_where_they_say():
    text = "\n\n".join(f"Paragraph {i} about topic{i % 7}. " + "filler words here. " * 30 for i in range(100))
    text += "\n\nThe secret code is heliotrope."
    found = box(text).search("secret heliotrope code")
    assert "heliotrope" in found[0]["text"]
    for hit in found:
        assert text[hit["offset"] : hit["offset"] + len(hit["text"])] == hit["text"]
        assert len(hit["text"]) <= 1_200


def test_search_builds_its_index_once_and_again_for_another_text():
    tool = box(DOCS)
    tool.search("beta")
    tool.search("gamma")
    assert tool.built == 1
    notes = ["one two", "three"]
    assert tool.search("three", over=notes)[0]["doc"] == "1"
    notes.append("four")
    assert tool.search("four", over=notes)[0]["doc"] == "2"
    assert tool.built == 3


def test_index_and_scan_agree_on_the_order():
    passages = ["red cars and blue cars", "a red house", "the blue sea", "nothing", "cars"]
    for query in ("red", "blue cars", "house sea", "car"):
        assert [n for _, n in Index(passages).rank(query)][:1] == [n for _, n in Scan(passages).rank(query)][:1]


def test_a_plural_finds_its_singular():
    assert box(["a contract", "an apple"]).search("contracts")[0]["doc"] == "0"


@given(
    st.text(alphabet="ab .\n!?é", max_size=300),
    st.integers(1, 20),
    st.sampled_from(["characters", "lines", "paragraphs", "sentences", "tokens"]),
)
def test_chunks_without_overlap_lose_nothing(text, size, by):
    assert "".join(box(text).chunks(size, by=by)) == text


@given(st.text(alphabet="ab \n.", min_size=1, max_size=200), st.integers(2, 20), st.data())
def test_chunks_with_overlap_share_exactly_that(text, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    pieces = box(text).chunks(size, overlap)
    assert all(len(piece) <= size for piece in pieces)
    rebuilt = pieces[0] + "".join(piece[overlap:] for piece in pieces[1:])
    assert rebuilt == text


def test_chunks_count_in_the_units_that_are_asked_for():
    text = "One. Two! Three?\nFour\n\nFive. Six.\n\nSeven"
    assert box(text).chunks(1, by="lines")[0] == "One. Two! Three?\n"
    assert len(box(text).chunks(1, by="paragraphs")) == 3
    assert box(text).chunks(2, by="sentences")[0] == "One. Two! "
    assert box(text).chunks(size=10, by="token") == box(text).chunks(10, by="tokens")
    assert box(DOCS).chunks(by="documents") == list(DOCS.values())
    assert box(DOCS).chunks(2, by="documents")[0] == "alpha beta\ngamma\n\nbeta beta delta"


def test_chunks_do_not_cross_documents():
    assert box(["aaa", "bb"]).chunks(2) == ["aa", "a", "bb"]


@pytest.mark.parametrize(
    ("arguments", "part"), [((0,), "at least 1"), ((5, 5), "overlap"), ((5, 0, "pages"), "by is one of")]
)
def test_chunks_that_make_no_sense_are_an_error_with_the_fix(arguments, part):
    with pytest.raises(ValueError, match=part):
        box(TEXT).chunks(*arguments)


def test_tokens_are_a_quarter_of_the_bytes():
    assert box("x" * 400).count_tokens() == 100
    assert box(TEXT).count_tokens("é" * 4) == 2
    assert box(["ab", "cd"]).count_tokens() == 2
    assert box("").count_tokens() == 0


def test_results_are_plain_data_in_a_cell():
    repl = Repl(DOCS)
    assert repl.run("grep('gamma')") == "[{'doc': 'a.txt', 'line': 2, 'offset': 11, 'text': 'gamma'}]\n"
    assert repl.run("search('delta', 1)[0]['doc']") == "'b.txt'\n"
    assert repl.run("[len(c) for c in chunks(10)]") == "[10, 6, 10, 5, 7]\n"
    assert repl.run("print(peek(3, doc='c.txt'), count_tokens('abcdefgh'))") == "eps 2\n"
    assert repl.run("r = llm_query('gamma x')\nprint(grep(r.split()[1])[0]['line'])") == "2\n"
