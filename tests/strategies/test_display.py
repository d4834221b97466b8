from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rlm_async.core.transcript import Output, Submission
from rlm_async.strategies.display import outputs
from rlm_async.strategies.excerpt import excerpt, shares

LENGTHS = st.lists(st.integers(0, 5_000), max_size=12)


@given(LENGTHS, st.integers(0, 10_000))
def test_shares_never_exceed_the_total_nor_what_is_there(lengths, total):
    dealt = shares(lengths, total)
    assert sum(dealt) <= total
    assert all(share <= length for share, length in zip(dealt, lengths, strict=True))
    assert sum(lengths) > total or dealt == lengths


@given(st.text(max_size=500), st.integers(0, 400))
def test_an_excerpt_counts_every_character_that_it_leaves_out(text, limit):
    shown = excerpt(text, limit)
    if len(text) <= limit:
        assert shown == text
    else:
        assert f"[{len(text) - limit:,} characters left out]" in shown
        assert len(shown) <= limit + 60


def test_what_the_sandbox_had_cut_is_counted_as_left_out_too():
    shown = outputs([Output(stdout="x" * 2_000, stdout_characters=90_000)], 1_000)
    assert shown.startswith("Output (90,000 characters, cut):")
    assert "[89,000 characters left out]" in shown


def test_only_the_last_draft_is_mentioned_and_only_while_it_is_one():
    draft = Output(draft=Submission(1))
    assert "draft" in outputs([draft], 100)
    assert "draft" not in outputs([draft, Output()], 100)
