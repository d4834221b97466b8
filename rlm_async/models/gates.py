"""The gates of a process: one for each model of an account, however many runs, objects and event loops ask it.

A provider counts what an account sends, not which question it was for. So what a gate knows (how many went in
the last minute, how long to pause, that the model is down) outlives the question, the connections and the loop.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock

from rlm_async.core.usage import Rates
from rlm_async.models.gate import PATIENCE, Gate


@dataclass(slots=True, eq=False)
class _Entry:
    gate: Gate
    users: list[Rates] = field(default_factory=list)


class Gates:
    """Gates by account. Safe to be used from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, patience: float = PATIENCE) -> None:
        """Start with none. `clock` gives seconds that all event loops agree on."""
        self._clock = clock
        self._patience = patience
        self._lock = Lock()
        self._entries: dict[Hashable, _Entry] = {}

    def join(self, account: Hashable, rates: Rates) -> Gate:
        """The gate of an account, until `leave`. Of those who use it at once, the strictest rates hold."""
        with self._lock:
            self._forget()
            entry = self._entries.get(account)
            if entry is None:
                entry = self._entries[account] = _Entry(Gate(rates, self._clock, self._patience))
            entry.users.append(rates)
            entry.gate.configure(strictest(entry.users))
            entry.gate.expect_new_connections()
            return entry.gate

    def leave(self, account: Hashable, rates: Rates) -> None:
        """Use a gate no longer; what it knows is kept as long as it plays a part."""
        with self._lock:
            entry = self._entries[account]
            entry.users.remove(rates)
            if entry.users:
                entry.gate.configure(strictest(entry.users))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._entries)

    def _forget(self) -> None:
        for account, entry in list(self._entries.items()):
            if not entry.users and entry.gate.forgettable:
                del self._entries[account]


class Same:
    """An object as a key, by identity; it may end all the same."""

    __slots__ = ("_hash", "_object")

    def __init__(self, value: object) -> None:
        """Stand for `value`."""
        self._hash = id(value)
        self._object: Callable[[], object]
        try:
            self._object = weakref.ref(value)
        except TypeError:  # an object with slots may not allow it: then it lives as long as its key
            self._object = lambda: value

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Same) or self._hash != other._hash:
            return False
        mine = self._object()
        return mine is not None and mine is other._object()


def strictest(rates: list[Rates]) -> Rates:
    """The lowest of each rate; None is no rate."""
    requests = [rate.requests_per_minute for rate in rates if rate.requests_per_minute is not None]
    tokens = [rate.tokens_per_minute for rate in rates if rate.tokens_per_minute is not None]
    return Rates(
        concurrency=min(rate.concurrency for rate in rates),
        requests_per_minute=min(requests, default=None),
        tokens_per_minute=min(tokens, default=None),
    )
