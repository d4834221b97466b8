"""Who may ask, and how much: API keys, and the account of each.

An account is charged with what its runs have used. While a run is going, the most that it may use is held, so
that runs at the same time cannot share the last cent.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
import tomllib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rlm_async.api.lowering import NAMES
from rlm_async.core.usage import NANO, Limits, Usage
from rlm_async.errors import ConfigError
from rlm_async.serve.faults import Fault, wait

MINUTE, DAY = 60.0, 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key, known by its SHA-256 only, and what its bearer may do; None is no limit."""

    name: str
    sha256: str
    requests_per_minute: int | None = None
    concurrency: int | None = None
    tokens_per_day: int | None = None
    usd_per_day: float | None = None
    limits: Mapping[str, float | None] = field(default_factory=dict)
    """Of one request; may only lower the server's own."""


@dataclass(slots=True)
class Hold:
    """What one request may spend, and what it has spent at its end."""

    limits: dict[str, float | None]
    usage: Usage = field(default_factory=Usage)


class Account:
    """What the bearer of one key has used, and what is held for requests under way. A day is one of UTC."""

    def __init__(self, key: Key, clock: Callable[[], float] = time.time) -> None:
        """Start with nothing used; `clock` gives seconds since the epoch."""
        self.key = key
        self.in_flight = 0
        self.spent = Usage()
        self._clock = clock
        self._day = 0
        self._recent: deque[float] = deque()
        self._held = {"tokens": 0.0, "usd": 0.0}

    @contextmanager
    def admitted(self, limits: Limits) -> Iterator[Hold]:
        """Let one request in that runs under `limits`, or lower ones; raises Fault where it must wait."""
        self._check()
        wanted = limits.narrowed(**self.key.limits)
        hold = Hold(dict(self.key.limits))
        held = {name: self._share(name, getattr(wanted, name)) for name in ("tokens", "usd")}
        for name, amount in held.items():
            if amount is not None:
                hold.limits[name] = int(amount) if name == "tokens" else amount
                self._held[name] += amount
        self._recent.append(self._clock())
        self.in_flight += 1
        try:
            yield hold
        finally:
            self.in_flight -= 1
            self._turn_page()
            self.spent += hold.usage
            for name, amount in held.items():
                self._held[name] -= amount or 0

    def _check(self) -> None:
        now, key = self._clock(), self.key
        if key.concurrency is not None and self.in_flight >= key.concurrency:
            raise wait(f"{key.concurrency} requests of this key are under way already", "concurrency", 1)
        while self._recent and self._recent[0] <= now - MINUTE:
            self._recent.popleft()
        if key.requests_per_minute is not None and len(self._recent) >= key.requests_per_minute:
            after = self._recent[-key.requests_per_minute] + MINUTE - now
            raise wait(f"{key.requests_per_minute} requests a minute for this key", "requests_per_minute", after)
        self._turn_page()

    def _share(self, name: str, wanted: float | None) -> float | None:
        """What one request may take of the day's ceiling; raises Fault where nothing is left."""
        ceiling = self.key.tokens_per_day if name == "tokens" else self.key.usd_per_day
        if ceiling is None:
            return None
        spent = self.spent.tokens if name == "tokens" else (self.spent.nanos or 0) / NANO
        left = ceiling - spent - self._held[name]
        if left <= 0:
            after = DAY - self._clock() % DAY if spent >= ceiling else 1.0
            raise wait(f"{name} for this key: {ceiling:g} a day are used up or held", f"{name}_per_day", after)
        return left if wanted is None else min(left, wanted)

    def _turn_page(self) -> None:
        today = int(self._clock() // DAY)
        if today != self._day:
            self._day, self.spent = today, Usage()


class Keys:
    """All keys of a server; without any, everybody is the same account."""

    def __init__(self, keys: Sequence[Key] = (), clock: Callable[[], float] = time.time) -> None:
        """Open an account for each key; raises ConfigError for two of one hash."""
        self._accounts: dict[str, Account] = {}
        for key in keys:
            if key.sha256 in self._accounts:
                raise ConfigError(f"the keys of {key.name} and {self._accounts[key.sha256].key.name} are the same")
            self._accounts[key.sha256] = Account(key, clock)
        self._everybody = Account(Key(name="anybody", sha256=""), clock)

    def __len__(self) -> int:
        return len(self._accounts)

    def account(self, header: str | None) -> Account:
        """Whose key stands in an `Authorization` header; raises Fault. The key itself is never repeated."""
        if not self._accounts:
            return self._everybody
        scheme, _, key = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Fault(401, "no API key: send Authorization: Bearer KEY", code="missing_api_key")
        given = hashed(key.strip())
        for known, account in self._accounts.items():
            if hmac.compare_digest(known, given):
                return account
        raise Fault(401, "this API key is not known here", code="invalid_api_key")


def hashed(key: str) -> str:
    """SHA-256 in hexadecimal; keys are long and random, so no salt and no stretching."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def keys_in(path: str | Path, environ: Mapping[str, str] = os.environ) -> list[Key]:
    """The keys of a TOML file, a table each; raises ConfigError that names the table and the fix."""
    try:
        tables = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the keys in {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"the keys in {path} are not TOML: {error}") from error
    if not tables:
        raise ConfigError(f"{path} holds no key: write a table for each, [NAME] with key_env or sha256")
    return [_key(name, table, environ) for name, table in tables.items()]


def _key(name: str, table: object, environ: Mapping[str, str]) -> Key:
    if not isinstance(table, dict):
        raise ConfigError(f"key {name}: write a table, [{name}]")
    known = {"key_env", "sha256", "requests_per_minute", "concurrency", "tokens_per_day", "usd_per_day", "limits"}
    if unknown := sorted(set(table) - known):
        raise ConfigError(f"key {name}: there is no setting {unknown[0]!r}; choose of: {', '.join(sorted(known))}")
    variable, digest = table.get("key_env"), table.get("sha256")
    if variable is not None:
        if not environ.get(str(variable)):
            raise ConfigError(f"key {name}: the environment has no variable {variable}; export it first")
        digest = hashed(environ[str(variable)])
    if not isinstance(digest, str) or len(digest) != 64:  # noqa: PLR2004 - hexadecimal digits of SHA-256
        raise ConfigError(f"key {name}: give key_env = the variable that holds it, or sha256 = 64 hexadecimal digits")
    amounts = {item: _amount(name, item, table.get(item)) for item in known - {"key_env", "sha256", "limits"}}
    limits = table.get("limits", {})
    if not isinstance(limits, dict) or set(limits) - set(NAMES):
        raise ConfigError(f"key {name}: limits is a table of: {', '.join(NAMES)}")
    whole = {item: None if amount is None else int(amount) for item, amount in amounts.items() if item != "usd_per_day"}
    return Key(
        name=name,
        sha256=digest.lower(),
        requests_per_minute=whole["requests_per_minute"],
        concurrency=whole["concurrency"],
        tokens_per_day=whole["tokens_per_day"],
        usd_per_day=amounts["usd_per_day"],
        limits={item: _amount(name, f"limits.{item}", amount) for item, amount in limits.items()},
    )


def _amount(name: str, item: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ConfigError(f"key {name}: {item} is a number from 0 on")
    return value
