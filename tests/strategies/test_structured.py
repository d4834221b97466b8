from __future__ import annotations

import json

import pytest

from rlm_async.core.query import Query
from rlm_async.errors import ConfigError
from rlm_async.strategies.structured import Misfit, Shape

pytestmark = pytest.mark.anyio
NUMBERS = Shape(json.dumps({"type": "array", "items": {"type": "integer"}}))
PERSON = Shape(json.dumps({"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}))


@pytest.mark.parametrize(
    "value",
    [
        [1, 2],
        "[1, 2]",
        " [1, 2]\n",
        "Here:\n```json\n[1, 2]\n```",
        "They are [1, 2], I think.",
        "{not json} but [1, 2]",
    ],
)
async def test_data_is_found_in_what_was_said(value):
    assert await NUMBERS.fitted(value) == [1, 2]


async def test_a_string_that_fits_is_not_read_as_json():
    assert await Shape('{"type": "string"}').fitted("[1]") == "[1]"


async def test_a_misfit_says_where_and_why():
    with pytest.raises(Misfit, match=r"at \$\.age: 'old' is not of type 'integer'"):
        await PERSON.fitted({"age": "old"})
    with pytest.raises(Misfit, match="it holds no JSON"):
        await PERSON.fitted("about forty")


async def test_the_reason_for_a_misfit_is_short():
    with pytest.raises(Misfit) as caught:
        await NUMBERS.fitted(["x" * 100_000])
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("schema", ["{", '{"type": 7}', '"text"', "[" * 100_000])
async def test_what_is_no_schema_is_the_callers_error(schema):
    with pytest.raises(ConfigError, match="schema"):
        Shape.of(Query(prompt="Which?", model="root", schema=schema), 0)


async def test_a_reference_is_never_fetched(monkeypatch):
    fetched = []
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: fetched.append(a))
    with pytest.raises(ConfigError, match="leads outside"):
        await Shape('{"$ref": "http://127.0.0.1:9/schema.json"}').fitted(1)
    assert not fetched


async def test_a_schema_that_refers_to_itself_for_ever_is_an_error():
    with pytest.raises(ConfigError, match="without end"):
        await Shape('{"$ref": "#"}').fitted(1)


async def test_a_models_own_pattern_is_never_run():
    evil = json.dumps({"type": "string", "pattern": "^(a+)+$"})
    assert await Shape(evil, trusted=False).fitted("a" * 64 + "!") == "a" * 64 + "!"
    with pytest.raises(Misfit):
        await Shape('{"type": "string", "pattern": "^b"}').fitted("a")


async def test_large_data_is_checked_too():
    assert len(await NUMBERS.fitted(list(range(20_000)))) == 20_000
    with pytest.raises(Misfit):
        await NUMBERS.fitted([*range(20_000), "x"])


async def test_what_is_not_json_data_is_a_misfit():
    loop: list = []
    loop.append(loop)
    with pytest.raises(Misfit, match="not JSON data"):
        await NUMBERS.fitted(loop)
