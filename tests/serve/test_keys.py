"""Keys and accounts."""

from __future__ import annotations

import pytest

from rlm_async.core.usage import Limits, Usage
from rlm_async.errors import ConfigError
from rlm_async.serve.faults import Fault
from rlm_async.serve.keys import DAY, Account, Key, Keys, hashed, keys_in


class Clock:
    now = 20_000 * DAY + 100.0

    def __call__(self):
        return self.now


def account(**settings):
    clock = Clock()
    return Account(Key(name="alice", sha256=hashed("k"), **settings), clock), clock


def spend(on, tokens=0, nanos=0, limits=None):
    with on.admitted(limits or Limits()) as hold:
        hold.usage = Usage(calls=1, prompt_tokens=tokens, nanos=nanos)
    return hold


def test_a_key_is_known_by_its_hash_and_never_repeated():
    keys = Keys([Key(name="alice", sha256=hashed("secret-key"))])
    assert keys.account("Bearer secret-key").key.name == "alice"
    for header in (None, "", "Basic secret-key", "Bearer wrong-key", "Bearer "):
        with pytest.raises(Fault) as caught:
            keys.account(header)
        assert caught.value.status == 401
        assert "wrong-key" not in caught.value.message


def test_requests_a_minute_are_counted_in_any_minute():
    alice, clock = account(requests_per_minute=2)
    spend(alice)
    clock.now += 30
    spend(alice)
    with pytest.raises(Fault) as caught:
        spend(alice)
    assert caught.value.headers == {"Retry-After": "30"}
    clock.now += 30.5
    spend(alice)


def test_requests_under_way_are_capped_and_let_go():
    alice, _ = account(concurrency=1)
    with alice.admitted(Limits()), pytest.raises(Fault, match="under way"):
        spend(alice)
    spend(alice)


def test_runs_at_the_same_time_cannot_share_the_last_token():
    alice, clock = account(tokens_per_day=1_000)
    with alice.admitted(Limits(tokens=600)) as first, alice.admitted(Limits(tokens=600)) as second:
        assert (first.limits["tokens"], second.limits["tokens"]) == (600, 400)
        with pytest.raises(Fault) as caught:
            spend(alice)
        assert caught.value.headers == {"Retry-After": "1"}
    assert spend(alice, tokens=990).limits["tokens"] == 1_000
    assert spend(alice, tokens=10).limits["tokens"] == 10
    with pytest.raises(Fault) as caught:
        spend(alice)
    assert int(caught.value.headers["Retry-After"]) == DAY - 100
    clock.now += DAY
    spend(alice)


def test_money_is_held_and_settled_too():
    alice, _ = account(usd_per_day=1.0)
    spend(alice, nanos=750_000_000, limits=Limits(usd=0.9))
    assert spend(alice, limits=Limits(usd=0.9)).limits["usd"] == pytest.approx(0.25)


def test_the_limits_of_a_key_lower_those_of_the_server_and_never_raise_them():
    alice, _ = account(limits={"calls": 50, "depth": 9})
    with alice.admitted(Limits(calls=1_000, depth=1)) as hold:
        assert Limits(calls=1_000, depth=1).narrowed(**hold.limits) == Limits(calls=50, depth=1)


def test_a_file_of_keys_is_read(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(
        f'[alice]\nkey_env = "ALICE"\nusd_per_day = 2.5\nconcurrency = 3\n[alice.limits]\ncalls = 10\n[bob]\nsha256 = "{hashed("b").upper()}"\n',
        encoding="utf-8",
    )
    alice, bob = keys_in(path, {"ALICE": "a-key"})
    assert (alice.sha256, alice.usd_per_day, alice.concurrency, alice.limits) == (
        hashed("a-key"),
        2.5,
        3,
        {"calls": 10},
    )
    assert (bob.name, bob.sha256) == ("bob", hashed("b"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no key"),
        ("[a", "not TOML"),
        ("a = 3", "write a table"),
        ("[a]\nkey_env = 'NOPE'", "no variable NOPE"),
        ("[a]\nsha256 = 'short'", "64 hexadecimal"),
        ("[a]\nkey_env = 'K'\nrpm = 3", "no setting 'rpm'"),
        ("[a]\nkey_env = 'K'\nconcurrency = 'x'", "concurrency is a number"),
        ("[a]\nkey_env = 'K'\n[a.limits]\nmoney = 1", "limits is a table of"),
    ],
)
def test_what_is_wrong_in_a_file_of_keys_is_said(tmp_path, text, said):
    path = tmp_path / "keys.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        keys_in(path, {"K": "k"})
