"""A context is plain data, named by its digest."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_async.core.context import Context
from rlm_async.core.query import Query
from rlm_async.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "shape", "names"),
    [
        ("text", "text", ["context"]),
        (["a", "b"], "list", ["0", "1"]),
        ({"x": "a"}, "dict", ["x"]),
        ("", "text", ["context"]),
    ],
)
def test_plain_data_has_a_shape(value, shape, names):
    context = Context.of(value)
    assert context.shape == shape
    assert [document.name for document in context] == names
    assert Context.of(context) is context


@pytest.mark.parametrize("value", [7, None, [1, 2], {"a": 1}, {1: "a"}, pathlib.Path("x"), b"bytes", ["a", None]])
def test_anything_else_is_named_in_the_error(value):
    with pytest.raises(ConfigError, match=r"a context is a str, .*, not"):
        Context.of(value)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_equal_digests_mean_equal_texts(one, other):
    assert (Context.of(one).digest == Context.of(other).digest) == (one == other)


def test_shape_is_part_of_the_digest():
    assert Context.of("a").digest != Context.of(["a"]).digest != Context.of({"0": "a"}).digest


def test_notes_do_not_change_a_key():
    plain = Context.of("a")
    noted = Context(plain.documents, "text", ("one file was left out",))
    assert Query(prompt="q", context=plain, model="m").key == Query(prompt="q", context=noted, model="m").key


def test_lone_surrogates_have_a_digest_too():
    assert Query(prompt="\ud800", context=Context.of("\udfff"), model="m").key
