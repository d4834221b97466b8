"""JSON Schemas of other people's tools as Python signatures, and calls back."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_async.adapters.signatures import Call, line, usable

SCHEMA = {
    "type": "object",
    "properties": {
        "page-size": {"type": "integer", "default": 10},
        "query": {"type": "string"},
        "order": {"enum": ["asc", "desc"]},
        "where": {"$ref": "#/$defs/Where"},
        "class": {"type": ["string", "null"]},
    },
    "required": ["query", "where"],
    "$defs": {
        "Where": {"type": "object", "properties": {"year": {"type": "integer"}, "in": {"$ref": "#/$defs/Where"}}}
    },
}


def test_a_schema_is_a_signature_with_what_is_required_first():
    call = Call.of("find", SCHEMA)
    assert call.signature == (
        "find(query: str, where: {'year': int, 'in': dict}, page_size: int = 10, "
        "order: Literal['asc', 'desc'] = None, tool_class: str | None = None)"
    )
    returned = {"type": "array", "items": {"type": "string"}}
    assert line(Call.of("f", {}), "Does\n  it.", returned) == "f() -> list[str]: Does it."
    assert line(Call.of("f", {}), "", None) == "f() -> str"


def test_arguments_go_by_place_by_our_name_or_by_the_tools_own():
    call = Call.of("find", SCHEMA)
    expected = {"query": "q", "where": {}, "page-size": 3}
    assert call.bound(["q", {}, 3], {}) == expected
    assert call.bound(["q"], {"where": {}, "page_size": 3, "order": None}) == expected
    assert call.bound([], {"query": "q", "where": {}, "page-size": 3}) == expected


@pytest.mark.parametrize(
    ("arguments", "named", "words"),
    [
        ([], {}, "query, where is missing: find"),
        (["q", {}, 1, "asc", "c", "more"], {}, "takes 5 arguments, not 6"),
        (["q", {}], {"query": "twice"}, "'query' is given twice"),
        (["q", {}], {"other": 1}, "'other' is not one of its arguments"),
    ],
)
def test_a_call_that_does_not_fit_is_a_type_error_with_the_signature(arguments, named, words):
    with pytest.raises(TypeError, match=words):
        Call.of("find", SCHEMA).bound(arguments, named)


@given(st.text(), st.sets(st.text(min_size=1, max_size=3), max_size=5), st.text(max_size=5))
def test_every_name_becomes_one_that_code_can_call_and_nobody_has(name, taken, prefix):
    found = usable(name, taken, prefix)
    assert found.isidentifier()
    assert not keyword.iskeyword(found)
    assert found not in taken


@pytest.mark.parametrize(
    "schema", [{}, {"properties": None}, {"properties": {"a": True}}, {"properties": {"a": {"type": "array"}}}]
)
def test_odd_schemas_are_still_callable(schema):
    assert Call.of("f", schema).signature.startswith("f(")
