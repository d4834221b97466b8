"""Rates that hold over all workers: each takes its turns from one row, as many as it needs now.

The row holds the time of the next free turn (the generic cell rate algorithm, ITU-T I.371, without a burst). A
worker moves it on by as many turns as it has calls waiting, and makes each of them at its own time. Nothing is
leased ahead, so a worker that dies takes none with it. The clock is the database's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from rlm_async.batch.postgres.database import Database
from rlm_async.core.usage import Rates

MINUTE = 60.0
_TAKE = """
INSERT INTO rlm_rates AS rate (batch, model, requests, tokens) VALUES (%(batch)s, %(model)s, 0, 0)
ON CONFLICT (batch, model) DO UPDATE SET
    requests = greatest(rate.requests, extract(epoch from clock_timestamp())) + %(requests)s,
    tokens = greatest(rate.tokens - %(back)s, extract(epoch from clock_timestamp())) + %(tokens)s
RETURNING requests - %(requests)s AS requests, tokens - %(tokens)s AS tokens,
    extract(epoch from clock_timestamp())::double precision AS now
"""


@dataclass(slots=True, eq=False)
class _Turn:
    tokens: int
    at: float = 0.0
    known: anyio.Event = field(default_factory=anyio.Event)


class Pacer:
    """The turns of one model of one batch. `__call__` waits for one; what it returns tells the tokens really used."""

    def __init__(self, database: Database, batch: str, model: str, rates: Rates) -> None:
        """Take turns at `rates`."""
        self._database = database
        self._names = {"batch": batch, "model": model}
        self._each = MINUTE / rates.requests_per_minute if rates.requests_per_minute else 0.0
        self._token = MINUTE / rates.tokens_per_minute if rates.tokens_per_minute else 0.0
        self._waiting: deque[_Turn] = deque()
        self._back = 0
        self._taking = anyio.Lock()
        self._made = False

    async def __call__(self, tokens: int) -> Callable[[int], None]:
        """Wait for a turn for a call of at most `tokens`."""
        turn = _Turn(tokens)
        self._waiting.append(turn)
        async with self._taking:
            if not turn.known.is_set():
                await self._take()
        await anyio.sleep(max(turn.at - anyio.current_time(), 0.0))

        def used(count: int) -> None:
            self._back += max(tokens - count, 0)

        return used

    async def _take(self) -> None:
        turns = list(self._waiting)
        self._waiting.clear()
        back, self._back = self._back, 0
        values = {
            **self._names,
            "requests": len(turns) * self._each,
            "tokens": sum(turn.tokens for turn in turns) * self._token,
            "back": back * self._token,
        }
        if not self._made:
            self._made = True
            await self._database.rows(
                "INSERT INTO rlm_rates (batch, model) VALUES (%(batch)s, %(model)s) ON CONFLICT DO NOTHING", self._names
            )
        (row,) = await self._database.rows(_TAKE, values)
        began = anyio.current_time()
        request, token = (row[name] - row["now"] for name in ("requests", "tokens"))
        for turn in turns:
            turn.at = began + max(request if self._each else 0.0, token if self._token else 0.0)
            request += self._each
            token += turn.tokens * self._token
            turn.known.set()
