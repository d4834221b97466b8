"""The batch's limits as rows: what an item may cost is set aside in the transaction that hands it out.

The same rule as `leases.Leases`, over machines: `spent + lent <= total` at every instant, because every change
holds the row of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from psycopg.types.json import Jsonb

from rlm_async.batch.leases import cost
from rlm_async.batch.postgres.database import Connection
from rlm_async.core.data import Data
from rlm_async.core.items import ItemResult


@dataclass(frozen=True, slots=True)
class Lent:
    """What an item was handed out with: grants lower than its own limits; `later` where it has to wait."""

    grant: tuple[tuple[str, float], ...] = ()
    later: bool = False
    exhausted: str = ""
    """The resource of which nothing is left."""


async def lend(connection: Connection, batch: str, item: str, worker: int) -> Lent:
    """Set an item's limits aside for `worker`; what a worker before had of it, and died with, is charged."""
    cursor = await connection.execute("SELECT * FROM rlm_batches WHERE batch = %s FOR UPDATE", (batch,))
    row = await cursor.fetchone()
    if row is None or not row["total"]:
        return Lent()
    spent = await _charged(connection, batch, item, row["spent"])
    cursor = await connection.execute("SELECT amounts FROM rlm_leases WHERE batch = %s", (batch,))
    lent = [lease["amounts"] for lease in await cursor.fetchall()]
    amounts: dict[str, float] = {}
    for name, total in row["total"].items():
        each = row["each_item"][name]
        left = total - spent.get(name, 0.0) - sum(lease.get(name, 0.0) for lease in lent)
        if left < each and lent:
            return Lent(later=True)
        if left <= 0:
            return Lent(exhausted=name)
        amounts[name] = min(each, left)
    await connection.execute("INSERT INTO rlm_leases VALUES (%s, %s, %s, %s)", (batch, item, worker, Jsonb(amounts)))
    return Lent(tuple((name, amount) for name, amount in amounts.items() if amount < row["each_item"][name]))


async def settle(connection: Connection, batch: str, worker: int, result: ItemResult) -> bool:
    """Write a result, once, and charge what it cost; False where another worker had answered it."""
    await connection.execute("SELECT 1 FROM rlm_batches WHERE batch = %s FOR UPDATE", (batch,))
    cursor = await connection.execute(
        "DELETE FROM rlm_leases WHERE batch = %s AND item = %s AND worker = %s RETURNING amounts",
        (batch, result.id, worker),
    )
    lease = await cursor.fetchone()
    if lease is not None:  # else it was charged in full when another worker took the item over
        used = cost(result.record)
        await _charge(connection, batch, {name: used.get(name, 0.0) for name in lease["amounts"]})
    cursor = await connection.execute(
        "INSERT INTO rlm_results VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING item",
        (batch, result.id, encoded(result.record), result.settled),
    )
    return await cursor.fetchone() is not None


async def _charged(connection: Connection, batch: str, item: str, spent: dict[str, float]) -> dict[str, float]:
    cursor = await connection.execute(
        "DELETE FROM rlm_leases WHERE batch = %s AND item = %s RETURNING amounts", (batch, item)
    )
    lease = await cursor.fetchone()
    if lease is None:
        return spent
    await _charge(connection, batch, lease["amounts"])
    return {name: spent.get(name, 0.0) + lease["amounts"].get(name, 0.0) for name in {*spent, *lease["amounts"]}}


async def _charge(connection: Connection, batch: str, amounts: Mapping[str, float]) -> None:
    cursor = await connection.execute("SELECT spent FROM rlm_batches WHERE batch = %s", (batch,))
    row = await cursor.fetchone()
    before = {} if row is None else row["spent"]
    spent = {name: before.get(name, 0.0) + amounts.get(name, 0.0) for name in {*before, *amounts}}
    await connection.execute("UPDATE rlm_batches SET spent = %s WHERE batch = %s", (Jsonb(spent), batch))


def encoded(record: Mapping[str, Data]) -> str:
    """A record as text: PostgreSQL's own JSON cannot hold a NUL."""
    return msgspec.json.encode(record).decode()
