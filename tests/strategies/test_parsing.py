from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_async.strategies.parsing import Final, parse, spoken

PIECES = ["```repl\n", "```python\n", "```\n", "~~~\n", "````py\n", "  ```repl\n", "\r\n", "\n", "x = 1", '"""', "'''", "'", "# it's",
          "<think>", "</think>", "FINAL(", "FINAL_VAR(", ")", "(", "```json\n", " ", "`", "é", "\\", "\x00", "\u2028"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=60).map("".join))
def test_any_reply_is_parsed_and_its_blocks_stand_in_it(reply):
    parsed = parse(reply)
    there = reply.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for block in parsed.blocks:
        for line in block.split("\n"):
            assert any(whole.endswith(line) for whole in there)
    assert parsed.final is None or not parsed.blocks
    assert isinstance(spoken(reply), str)


@pytest.mark.parametrize("tag", ["repl", "python", "py", "Python", "python3", "{python}", "repl title=x"])
def test_blocks_tagged_as_code_are_code(tag):
    assert parse(f"Let me see.\n```{tag}\nx = 1\n```\nDone.").blocks == ("x = 1",)


@pytest.mark.parametrize("tag", ["", "json", "text", "output", "bash", "pycon"])
def test_other_blocks_are_not(tag):
    assert parse(f"```{tag}\nx = 1\n```").blocks == ()


def test_all_blocks_are_kept_in_order():
    assert parse("```repl\na\n```\nand\n```python\nb\n```").blocks == ("a", "b")


def test_a_last_fence_need_not_be_closed():
    assert parse("```repl\nprint(1)\nprint(2)").blocks == ("print(1)\nprint(2)",)


def test_tilde_fences_count_and_do_not_mix_with_backticks():
    assert parse("~~~repl\nx = '```'\n```\n~~~").blocks == ("x = '```'\n```",)


def test_an_indented_fence_gives_code_without_the_indent():
    assert parse("1. Look:\n   ```repl\n   if x:\n       y()\n   ```\n").blocks == ("if x:\n    y()",)


def test_windows_newlines_are_newlines():
    assert parse("```repl\r\na = 1\r\nb = 2\r\n```\r\n").blocks == ("a = 1\nb = 2",)


def test_a_fence_inside_a_string_of_the_code_does_not_end_it():
    inner = 'prompt = """Reply like this:\n```json\n{}\n```\n"""\nprint(prompt)'
    assert parse(f"```repl\n{inner}\n```\nbye").blocks == (inner,)


def test_a_fence_inside_a_raw_apostrophe_comment_ends_the_code():
    assert parse('```repl\nx = 1  # it\'s three: """\n```\ntext').blocks == ('x = 1  # it\'s three: """',)


def test_an_unbalanced_quote_does_not_swallow_the_rest_of_the_reply():
    parsed = parse('```repl\nx = """oops\n```\nSo.\n```repl\ny = 1\n```')
    assert parsed.blocks == ('x = """oops', "y = 1")


def test_longer_fences_hold_shorter_ones():
    assert parse("````repl\nx\n```\ny\n````").blocks == ("x\n```\ny",)


def test_a_forgotten_closing_fence_is_made_up_for_by_the_next_opening():
    assert parse("```repl\na = 1\n```repl\nb = 2\n```").blocks == ("a = 1", "b = 2")


def test_a_fence_that_opens_at_the_end_of_a_sentence_counts():
    assert parse("I look first: ```repl\nprint(1)\n```").blocks == ("print(1)",)


@pytest.mark.parametrize(
    "reply",
    [
        "<think>```repl\nbad()\n```</think>\n```repl\ngood()\n```",
        "<thinking>\n```repl\nbad()\n```\n</thinking>```repl\ngood()\n```",
        "I wonder\n```repl\nbad()\n```\n</think>\n```repl\ngood()\n```",
        "```repl\ngood()\n```\n<think>\n```repl\nbad()\n```",
    ],
)
def test_code_that_was_only_thought_is_not_code(reply):
    assert parse(reply).blocks == ("good()",)


def test_think_tags_inside_code_are_left_alone():
    source = 'x = re.sub("<think>.*</think>", "", y)'
    assert parse(f"```repl\n{source}\n```").blocks == (source,)


@pytest.mark.parametrize(
    ("reply", "final"),
    [
        ("FINAL(42)", Final("42")),
        ('Done.\nFINAL("the answer is (a) and (b)")\n', Final("the answer is (a) and (b)")),
        ("FINAL(one\ntwo (2)\nthree)", Final("one\ntwo (2)\nthree")),
        ("FINAL(never closed", Final("never closed")),
        ("FINAL(a)\nThat is all (sure).", Final("a")),
        ("```\nFINAL(42)\n```", Final("42")),
        ("`FINAL(42)`", Final("42")),
        ("FINAL_VAR(result)", Final("result", variable=True)),
        ('FINAL_VAR("result")', Final("result", variable=True)),
        ("FINAL_VAR(1 + 1)", None),
        ("I will call FINAL(x) later", None),
        ("<think>FINAL(no)</think>\nhm", None),
        ("nothing here", None),
    ],
)
def test_an_answer_in_prose_is_found_at_the_beginning_of_a_line(reply, final):
    assert parse(reply).final == final


def test_beside_code_an_answer_in_prose_does_not_count():
    parsed = parse("```repl\nprint(n)\n```\nFINAL(17)")
    assert (parsed.blocks, parsed.final, parsed.invented) == (("print(n)",), None, True)


def test_beside_code_an_output_in_a_fence_is_seen_as_invented():
    assert parse("```repl\nprint(n)\n```\n```output\n17\n```").invented
    assert not parse("I print n.\n```repl\nprint(n)\n```").invented


def test_long_odd_replies_are_parsed_in_linear_time():
    """Counted by nothing but the test's own time limit: quadratic work would take minutes here."""
    for piece in ("`", "```repl\n'''\n", "FINAL(", "FINAL()(", "<think>", "``` ", ")\n", "~~~\n", "</think>\n", "\\"):
        parse(piece * (400_000 // len(piece)))
