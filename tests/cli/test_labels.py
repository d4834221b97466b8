"""Labels tell siblings apart, whatever pattern their prompts are made from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rlm_async.cli.labels import REACH, label
from rlm_async.cli.progress import Progress

PATTERN = "Copy from the passage the words that answer the question. Passage: {}\nQuestion: who?"
LONG = "words and words " * REACH


def test_siblings_of_one_pattern_begin_where_they_part():
    one, two = (PATTERN.format(text) for text in ("Call me Ishmael", "Call it a day"))
    assert label(one, two) == "…me Ishmael Question: who?"
    assert label(two, one) == "…it a day Question: who?"


def test_different_prompts_keep_their_beginning():
    assert label("What is it about?", "Who wrote it?") == "What is it about?"
    assert label("same", "same") == "same"
    assert label(PATTERN) == label(PATTERN, None) == label(PATTERN, PATTERN)


def test_the_same_long_text_with_another_question_shows_the_question():
    assert label(LONG + "who?", LONG + "why?").endswith("who?")


@given(st.text(), st.text(), st.text())
def test_a_label_is_one_line_and_never_empty_for_a_prompt_that_is_not(head, one, two):
    found = label(head + one, head + two)
    assert len(found.splitlines()) <= 1
    if label(head + one):
        assert found


def test_the_first_child_is_renamed_when_the_second_comes(story):
    progress = Progress()
    run = story(progress)
    root = run.node()
    first = run.node(root, 1, prompt=PATTERN.format("Call me Ishmael"))
    assert progress.nodes[first].label.startswith("Copy from")
    second = run.node(root, 1, prompt=PATTERN.format("Some years ago"))
    assert progress.nodes[first].label.startswith("…Call me")
    assert progress.nodes[second].label.startswith("…Some years")


def test_a_first_child_that_is_shared_does_not_rename_a_stranger(story):
    progress = Progress()
    run = story(progress)
    root = run.node()
    first, other = run.node(root, 1), run.node(root, 1)
    leaf = run.node(first, 2, prompt=PATTERN.format("a"))
    run.share(leaf, other, 2)
    own = run.node(other, 2, prompt=PATTERN.format("b"))
    assert progress.nodes[leaf].label.startswith("Copy")
    assert progress.nodes[own].label.startswith("Copy")
