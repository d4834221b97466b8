"""What can be typed after an option, and what becomes of it."""

from __future__ import annotations

import pytest

from rlm_async.cli.options import Limits, Rates, key_of, limits, rates, schema_in
from rlm_async.errors import ConfigError


@pytest.mark.parametrize(
    ("pairs", "wanted"),
    [
        ([], Limits()),
        (["usd=1"], Limits(usd=1.0)),
        (["usd=.5", "calls=100"], Limits(usd=0.5, calls=100)),
        (["tokens=500k"], Limits(tokens=500_000)),
        (["tokens=1.5M"], Limits(tokens=1_500_000)),
        (["tokens=2_000_000", "calls=1,000"], Limits(tokens=2_000_000, calls=1_000)),
        (["calls=none", "tokens=None"], Limits(calls=None, tokens=None)),
        (["seconds=0.5", "turns=3", "fanout=8"], Limits(seconds=0.5, turns=3, fanout=8)),
        ([" depth = 2 "], Limits(depth=2)),
    ],
)
def test_limits_are_read_as_people_write_them(pairs, wanted):
    assert limits(pairs) == wanted


@pytest.mark.parametrize(
    "pair", ["", "usd", "=1", "usd=", "usd=-1", "usd=1e9", "usd=nan", "usd=1.2.3", "depth=none", "turns=0x10", "name=1"]
)
def test_what_is_no_limit_is_named(pair):
    with pytest.raises(ConfigError, match="--limit"):
        limits([pair])


def test_depth_and_concurrency_have_options_of_their_own():
    assert limits(None, 3) == Limits(depth=3)
    assert rates(None, 7) == Rates(concurrency=7)
    with pytest.raises(ConfigError, match="depth is given twice"):
        limits(["depth=1"], 2)


def test_rates_have_short_and_long_names():
    wanted = Rates(requests_per_minute=60, tokens_per_minute=100_000)
    assert rates(["rpm=60", "tpm=100k"]) == wanted
    assert rates(["requests_per_minute=60", "tokens_per_minute=100000"]) == wanted
    assert rates(["rpm=none"]).requests_per_minute is None
    with pytest.raises(ConfigError, match="given twice"):
        rates(["rpm=60", "requests_per_minute=60"])


def test_a_key_comes_from_the_environment_by_name():
    environ = {"MY_KEY": "secret", "OPENAI_API_KEY": "openai", "EMPTY": ""}
    assert key_of("MY_KEY", None, environ) == "secret"
    assert key_of(None, "http://localhost/v1", environ) == "openai"
    assert key_of(None, None, environ) is None
    assert key_of(None, "http://localhost/v1", {}) is None
    with pytest.raises(ConfigError, match="EMPTY"):
        key_of("EMPTY", None, environ)
    with pytest.raises(ConfigError) as refused:
        key_of("sk-live-key", None, environ)
    assert "sk-live-key" not in str(refused.value)


def test_a_schema_is_a_json_object_in_a_file(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text('{"type": "integer"}')
    assert schema_in(str(path)) == {"type": "integer"}
    assert schema_in(None) is None
    for text, said in (("[1]", "not a JSON object"), ("{", "not JSON")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=said):
            schema_in(str(path))
    with pytest.raises(ConfigError, match="cannot read"):
        schema_in(str(tmp_path))
