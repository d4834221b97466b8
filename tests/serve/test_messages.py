"""What is the question and what the context of a conversation."""

from __future__ import annotations

import base64

import pytest

from rlm_async.core.context import Document
from rlm_async.serve import wire
from rlm_async.serve.attachments import attachment, named
from rlm_async.serve.faults import Fault
from rlm_async.serve.messages import LONG, Said, divided, posed

TEXT = "A line of the long text.\n" * 1_000


def user(*texts, files=()):
    return Said("user", texts, files)


def test_a_short_message_is_the_question_and_there_is_no_context():
    found = posed([user("What is two and two?")])
    assert (found.question, found.context.characters) == ("What is two and two?", 0)


@pytest.mark.parametrize("message", [f"{TEXT}\n\nHow many lines are there?", f"How many lines are there?\n\n{TEXT}"])
def test_the_paragraph_that_asks_is_the_question_and_the_rest_the_context(message):
    found = posed([user(message)])
    assert found.question == "How many lines are there?"
    assert found.context.shape == "text"
    assert found.context.text.strip() == TEXT.strip()


def test_instructions_at_both_ends_are_both_kept():
    question, rest = divided(f"Here is a report.\n\n{TEXT}\n\nSummarise it in one line.")
    assert question == "Here is a report.\n\nSummarise it in one line."
    assert rest == TEXT.strip()


def test_a_long_text_without_paragraphs_is_all_context_and_its_ends_are_quoted():
    text = "begin " + "x" * 20_000 + " Count the letters"
    question, rest = divided(text)
    assert rest == text
    assert "begin" in question
    assert question.endswith("Count the letters")
    assert len(question) < LONG


def test_a_long_part_beside_a_short_one_is_context_whole():
    found = posed([user(TEXT, "How many?")])
    assert found.question == "How many?"
    assert found.context.text == TEXT


def test_files_are_documents_by_their_names_and_never_lost():
    found = posed([user("Compare them.", files=(Document("a.txt", "one"), Document("a.txt", "two")))])
    assert [(each.name, each.text) for each in found.context] == [("a.txt", "one"), ("a.txt (2)", "two")]


def test_instructions_and_earlier_turns_go_before_the_question():
    found = posed(
        [
            Said("system", ("Answer in French.",)),
            user("Who wrote it?"),
            Said("assistant", ("Melville.",)),
            user("When?"),
        ]
    )
    assert found.question.startswith("Answer in French.\n\nThe conversation so far:\n\nUser: Who wrote it?")
    assert found.question.endswith("Assistant: Melville.\n\nThe user asks now:\n\nWhen?")


def test_long_earlier_turns_are_documents_that_the_question_names():
    found = posed([Said("system", (TEXT,)), user(TEXT), user("How many lines?")])
    assert [each.name for each in found.context] == ["instructions", "message 2 (user)"]
    assert "[message 2 (user), in the context]" in found.question
    many = posed([*[user(f"turn {number} " + "y" * 1_000) for number in range(30)], user("And now?")])
    assert "turn 29" in many.context.text
    assert len(many.question) < 500


@pytest.mark.parametrize("conversation", [[], [Said("system", ("x",))], [user()], [user("  ")]])
def test_without_a_question_there_is_a_fault_that_says_so(conversation):
    with pytest.raises(Fault, match="user message"):
        posed(conversation)


def packed(raw):
    return f"data:text/plain;base64,{base64.b64encode(raw).decode()}"


def test_attachments_are_read_like_files():
    assert attachment(packed(b"<html><body><p>hello</p></body></html>"), "page.html").text.strip() == "hello"
    assert attachment(base64.b64encode("größe".encode()).decode(), None) == Document("attachment.txt", "größe")


@pytest.mark.parametrize(
    ("data", "said"), [("data:;base64,%%%", "not base64"), (packed(b"\x7fELF\x00\x01" * 50), "binary|program|no text")]
)
def test_what_cannot_be_read_is_said_without_paths_of_the_server(data, said):
    with pytest.raises(Fault, match=said) as caught:
        attachment(data, "../../etc/passwd")
    assert "passwd" in caught.value.message
    assert "rlm-async-" not in caught.value.message


def test_a_file_name_is_a_name_and_no_path():
    assert named("../../etc/passwd") == "passwd"
    assert named("C:\\docs\\a b.txt") == "a b.txt"
    assert named("\x00\x1b[31m") == "_[31m"
    assert named("...") == "attachment.txt"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not JSON"),
        (b'{"model": "m"}', "messages"),
        (b'{"model": 3, "messages": []}', "at model"),
        (b'{"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}', "image_url"),
        (b'{"model": "m", "messages": [{"role": "user", "content": "q"}], "n": 2}', "one answer"),
        (b'{"model": "m", "messages": [{"role": "user", "content": "q"}], "tools": [{}]}', "tools"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(body, said):
    with pytest.raises(Fault, match=said) as caught:
        wire.chat(body)
    assert caught.value.status == 400
