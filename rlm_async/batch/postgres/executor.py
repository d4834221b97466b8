"""The executor whose workers are anywhere: items go into the database, results come out of it.

Submitting twice is harmless: an item that waits or is in hand is not queued again, one that has a result is
delivered. So a killed `batch` goes on with the same command, and meanwhile the workers went on too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import anyio
import msgspec
from procrastinate.jobs import Job as QueuedJob
from psycopg.types.json import Jsonb

from rlm_async.batch.leases import ceilings
from rlm_async.batch.postgres.database import Connection, Database, plain_errors
from rlm_async.batch.postgres.lending import encoded
from rlm_async.batch.postgres.schema import TASK
from rlm_async.batch.tracing import traced
from rlm_async.core.items import Item, ItemResult
from rlm_async.core.usage import Limits
from rlm_async.ports import Deliver, Job

CHUNK = 200
"""Items that are put into the database in one transaction, and results that are taken at a time."""
LOOK = (0.02, 0.5)
"""Seconds between two looks for results: while they come, and while none come."""
PAUSE = 0.05
"""Seconds after which a chunk that is not full goes anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The batch's own limits, what an item may cost at most, and what was spent before."""

    total: Limits = field(default_factory=lambda: Limits(calls=None, tokens=None))
    each: Limits = field(default_factory=Limits)
    spent: dict[str, float] = field(default_factory=dict)


class PostgresExecutor:
    """Hands items to the workers of a database; implements `ports.Executor`."""

    def __init__(self, url: str, name: str, terms: Terms | None = None) -> None:
        """`name` is the batch's; connect to nothing yet."""
        self._url = url
        self._name = name
        self._terms = terms or Terms()
        self._open: set[str] = set()

    async def execute(self, job: Job, items: AsyncIterator[Item], deliver: Deliver) -> None:
        """Answer every item somewhere, and deliver each result as it comes."""
        self._open = set()
        complete = anyio.Event()
        async with Database.opened(self._url) as database:
            await self._begin(database, job)
            async with plain_errors(), anyio.create_task_group() as tasks:

                async def submit() -> None:
                    await self._submit(database, items)
                    complete.set()

                tasks.start_soon(submit)
                pause = LOOK[0]
                while self._open or not complete.is_set():
                    came = await self._take(database, deliver)
                    pause = LOOK[0] if came else min(2 * pause, LOOK[1])
                    with anyio.move_on_after(pause):
                        await (anyio.sleep_forever() if self._open or complete.is_set() else complete.wait())

    async def _begin(self, database: Database, job: Job) -> None:
        """Write the batch down; its terms are those of the newest command, what it has spent stays."""
        total = ceilings(self._terms.total)
        each = {name: ceilings(self._terms.each)[name] for name in total}
        spent = {name: self._terms.spent.get(name, 0.0) for name in total}
        values = {
            "batch": self._name,
            "job": encoded(job),
            "total": Jsonb(total),
            "each": Jsonb(each),
            "spent": Jsonb(spent),
        }
        await database.rows(
            "INSERT INTO rlm_batches VALUES (%(batch)s, %(job)s, %(total)s, %(each)s, %(spent)s) "
            "ON CONFLICT (batch) DO UPDATE SET job = excluded.job, total = excluded.total, "
            "each_item = excluded.each_item",
            values,
        )

    async def _submit(self, database: Database, items: AsyncIterator[Item]) -> None:
        """Put items in, in chunks that fill up while the one before is on its way."""
        send, receive = anyio.create_memory_object_stream[Item](CHUNK)

        async def pour() -> None:
            with send:
                async for item in items:
                    await send.send(item)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pour)
            with receive:
                async for item in receive:
                    chunk = [item]
                    with anyio.move_on_after(PAUSE), suppress(anyio.EndOfStream):
                        while len(chunk) < CHUNK:
                            chunk.append(await receive.receive())
                    await self._put(database, chunk)

    async def _put(self, database: Database, chunk: Sequence[Item]) -> None:
        self._open.update(item.id for item in chunk)

        async def write(connection: Connection) -> None:
            fresh = await self._written(connection, chunk)
            if fresh:
                queued = [self._queued(name) for name in fresh]
                await database.app.job_manager.batch_defer_jobs_async(queued, connection=connection)

        await database.transaction(write)

    async def _written(self, connection: Connection, chunk: Sequence[Item]) -> list[str]:
        """Write the items; returns those that have to be queued."""
        names = [item.id for item in chunk]
        values = {"batch": self._name, "items": names}
        async with connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO rlm_items (batch, item, record) VALUES (%s, %s, %s) "
                "ON CONFLICT (batch, item) DO UPDATE SET record = excluded.record, deaths = 0",
                [(self._name, item.id, encoded(traced(item, self._name).record())) for item in chunk],
            )
            # what was delivered as failed, or cut short by the batch's limit, and is wanted again, is asked again
            await cursor.execute(
                "DELETE FROM rlm_results WHERE batch = %(batch)s AND item = ANY(%(items)s) AND delivered "
                "AND (NOT settled OR record::json ->> 'status' = 'failed')",
                values,
            )
            await cursor.execute(
                "UPDATE rlm_results SET delivered = false WHERE batch = %(batch)s AND item = ANY(%(items)s) "
                "RETURNING item",
                values,
            )
            known = {row["item"] for row in await cursor.fetchall()}
            await cursor.execute(
                "SELECT args ->> 'item' AS item FROM procrastinate_jobs WHERE queue_name = %(batch)s "
                "AND status IN ('todo', 'doing') AND args ->> 'item' = ANY(%(items)s)",
                values,
            )
            known |= {row["item"] for row in await cursor.fetchall()}
        return [name for name in names if name not in known]

    def _queued(self, item: str) -> QueuedJob:
        return QueuedJob(
            id=None,
            queue=self._name,
            lock=None,
            queueing_lock=None,
            task_name=TASK,
            task_kwargs={"batch": self._name, "item": item},
        )

    async def _take(self, database: Database, deliver: Deliver) -> int:
        """Deliver what has come; a result counts as delivered only once `deliver` has returned."""
        rows = await database.rows(
            "SELECT item, record FROM rlm_results WHERE batch = %(batch)s AND NOT delivered LIMIT %(most)s",
            {"batch": self._name, "most": CHUNK},
        )
        for row in rows:
            if row["item"] in self._open:
                record = msgspec.json.decode(row["record"])
                await deliver(ItemResult(id=row["item"], record=record))
                self._open.discard(row["item"])
        if rows:
            await database.rows(
                "UPDATE rlm_results SET delivered = true WHERE batch = %(batch)s AND item = ANY(%(items)s)",
                {"batch": self._name, "items": [row["item"] for row in rows]},
            )
        return len(rows)
