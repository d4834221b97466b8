"""A worker: takes items out of the database, answers them, writes each result once.

It is alive as long as its heartbeat is. What a dead one had in hand is taken over by the others; an item in
whose hands several workers have died is given up, and named.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Protocol, runtime_checkable

import anyio
import msgspec
from anyio.abc import TaskGroup
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as QueuedJob
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from procrastinate.utils import utcnow

from rlm_async.batch.here import Opening, settled
from rlm_async.batch.postgres.database import Connection, Database, plain_errors
from rlm_async.batch.postgres.lending import Lent, lend, settle
from rlm_async.batch.postgres.pacing import Pacer
from rlm_async.batch.postgres.schema import LOCK
from rlm_async.core.items import Item, ItemResult, failed
from rlm_async.core.usage import Rates
from rlm_async.errors import BudgetExceeded, ConfigError, RLMError, SandboxCrashed
from rlm_async.ports import Asker

BEAT, STALE = 3.0, 15.0
"""Seconds between two signs of life, and after which a silent worker counts as dead."""
LOOK = 0.25
"""Seconds between two looks for work while there is none."""
LATER = 1.0
"""Seconds after which an item is looked at again for which the batch had nothing left to lend."""
DEATHS = 3
"""So many workers that died with an item in hand, and it is given up."""

Pace = Callable[[str], Pacer]


@runtime_checkable
class Paced(Protocol):
    """An asker whose calls can be held to the rates of a whole cluster."""

    def pace_with(self, pace: Pace) -> None:
        """Wait for a turn of `pace(model)` before each call."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds: see `BEAT`, `STALE`, `LOOK`."""

    beat: float = BEAT
    stale: float = STALE
    look: float = LOOK


@dataclass(slots=True, eq=False)
class _Open:
    """What answers the items of one batch, open for as long as the worker is."""

    asker: Asker | None = None
    error: RLMError | None = None
    ready: anyio.Event = field(default_factory=anyio.Event)


class Worker:
    """Answers items of one batch, or of any, at most `most` at once."""

    def __init__(
        self,
        url: str,
        opening: Opening,
        *,
        say: Callable[[str], None] = lambda _: None,
        most: int = 64,
        batch: str | None = None,
        timing: Timing | None = None,
    ) -> None:
        """Connect to nothing yet; `say` is told what a person may want to know."""
        self._url = url
        self._opening = opening
        self._say = say
        self._most = most
        self._batch = batch
        self._timing = timing or Timing()
        self._number = 0
        self._open: dict[str, _Open] = {}
        self._hand: dict[int, QueuedJob] = {}
        self._room = anyio.Event()
        self.answered = 0

    async def run(self, *, until_empty: bool = False) -> None:
        """Work until cancelled, or until nothing is left to do; what is in hand then is handed back."""
        async with Database.opened(self._url, connections=8) as database, AsyncExitStack() as askers:
            self._number = await database.durable(database.app.job_manager.register_worker)
            self._say(f"worker {self._number} is ready")
            try:
                async with plain_errors(), anyio.create_task_group() as tasks:
                    tasks.start_soon(self._live, database)
                    await self._work(database, tasks, askers, until_empty=until_empty)
                    tasks.cancel_scope.cancel()
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(10):
                    await self._hand_back(database)

    async def _work(self, database: Database, tasks: TaskGroup, askers: AsyncExitStack, *, until_empty: bool) -> None:
        queues = None if self._batch is None else [self._batch]
        manager = database.app.job_manager
        while True:
            while len(self._hand) >= self._most:
                self._room = anyio.Event()
                await self._room.wait()
            job = await self._fetched(manager, database, queues)
            if job is not None and job.id is not None:
                self._hand[job.id] = job
                tasks.start_soon(self._one, database, askers, job)
                continue
            if until_empty and not self._hand and not await self._left(database, queues):
                return
            self._room = anyio.Event()
            with anyio.move_on_after(self._timing.look):
                await self._room.wait()

    async def _fetched(self, manager: JobManager, database: Database, queues: list[str] | None) -> QueuedJob | None:
        try:
            return await database.durable(lambda: manager.fetch_job(queues, self._number))
        except ConnectorException:  # this worker was taken for dead and is no longer on the list: it begins anew
            self._number = await database.durable(manager.register_worker)
            return None

    async def _one(self, database: Database, askers: AsyncExitStack, job: QueuedJob) -> None:
        batch, name = str(job.task_kwargs["batch"]), str(job.task_kwargs["item"])
        try:
            if await self._done(database, batch, name, askers):
                await database.durable(
                    lambda: database.app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=True)
                )
            else:
                retry_at = utcnow() + timedelta(seconds=LATER)
                await database.durable(lambda: database.app.job_manager.retry_job(job, retry_at=retry_at))
        except ConnectorException:  # the queue knows it no more as ours
            self._say(f"item {name} was taken over by another worker")
        if job.id is not None:  # not where this was cancelled: then it is handed back
            self._hand.pop(job.id, None)
        self._room.set()

    async def _done(self, database: Database, batch: str, name: str, askers: AsyncExitStack) -> bool:
        """See to it that an item has a result; False where it has to wait for money."""
        number = self._number
        asker = await self._asker(database, batch, askers)  # before anything is lent: a worker that cannot, ends

        async def taken(connection: Connection) -> tuple[Mapping[str, object] | None, Lent]:
            values = (batch, name)
            cursor = await connection.execute("SELECT 1 FROM rlm_results WHERE batch = %s AND item = %s", values)
            if await cursor.fetchone() is not None:
                return None, Lent()
            cursor = await connection.execute("SELECT * FROM rlm_items WHERE batch = %s AND item = %s", values)
            row = await cursor.fetchone()
            return row, Lent() if row is None else await lend(connection, batch, name, number)

        row, lent = await database.transaction(taken)
        if row is None or lent.later:
            return row is None
        item = Item.of_record({**msgspec.json.decode(str(row["record"])), "grant": [list(pair) for pair in lent.grant]})
        result = await _answered(asker, item, lent, int(str(row["deaths"])))

        async def write(connection: Connection) -> bool:
            return await settle(connection, batch, number, result)

        first = await database.transaction(write)
        self.answered += first
        return True

    async def _asker(self, database: Database, batch: str, askers: AsyncExitStack) -> Asker:
        """What answers the batch's items; opened once."""
        found = self._open.get(batch)
        if found is None:
            found = self._open[batch] = _Open()
            try:
                found.asker = await self._opened(database, batch, askers)
            except RLMError as error:
                found.error = error
                del self._open[batch]
            finally:
                found.ready.set()
        await found.ready.wait()
        if found.asker is None:
            raise found.error or ConfigError(f"the batch {batch} could not be opened here")
        return found.asker

    async def _opened(self, database: Database, batch: str, askers: AsyncExitStack) -> Asker:
        rows = await database.rows("SELECT job FROM rlm_batches WHERE batch = %(batch)s", {"batch": batch})
        if not rows:
            raise ConfigError(f"the database knows no batch {batch}")
        job = msgspec.json.decode(rows[0]["job"])
        asker = await askers.enter_async_context(self._opening(job))
        rates = msgspec.convert(job.get("rates") or {}, Rates)
        if isinstance(asker, Paced) and (rates.requests_per_minute or rates.tokens_per_minute):
            asker.pace_with(lambda model: Pacer(database, batch, model, rates))
        return asker

    async def _live(self, database: Database) -> None:
        """Show that this worker lives, and take over from those that do not."""
        manager = database.app.job_manager
        last, calm = anyio.current_time(), 0.0
        while True:
            await database.durable(lambda: manager.update_heartbeat(self._number))
            now = anyio.current_time()
            if now - last > self._timing.stale / 2:
                calm = now + self._timing.stale  # the database was down: the others could not show that they live
            last = now
            if now >= calm:
                await database.transaction(self._take_over(database))
            await anyio.sleep(self._timing.beat)

    def _take_over(self, database: Database) -> Callable[[Connection], Awaitable[int]]:
        manager = database.app.job_manager

        async def work(connection: Connection) -> int:
            cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s) AS mine", (LOCK + 1,))
            row = await cursor.fetchone()
            if row is None or not row["mine"]:
                return 0
            stalled = list(await manager.get_stalled_jobs(seconds_since_heartbeat=self._timing.stale))
            for job in stalled:
                if self._batch is not None and job.queue != self._batch:
                    continue
                await connection.execute(
                    "UPDATE rlm_items SET deaths = deaths + 1 WHERE batch = %s AND item = %s",
                    (job.task_kwargs["batch"], job.task_kwargs["item"]),
                )
                await manager.retry_job(job)
            if stalled:
                self._say(f"took {len(stalled)} items over from a worker that is gone")
            return len(stalled)

        return work

    async def _left(self, database: Database, queues: list[str] | None) -> bool:
        rows = await database.rows(
            "SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing') "
            "AND (%(queues)s::text[] IS NULL OR queue_name = ANY(%(queues)s)) LIMIT 1",
            {"queues": queues},
        )
        return bool(rows)

    async def _hand_back(self, database: Database) -> None:
        """Queue again what was in hand, so that nobody waits for a heartbeat that will not come."""
        for job in list(self._hand.values()):
            with suppress(ConnectorException):  # it ended, or another worker has it
                await database.durable(partial(database.app.job_manager.retry_job, job))
        await database.durable(lambda: database.app.job_manager.unregister_worker(self._number))


async def _answered(asker: Asker, item: Item, lent: Lent, deaths: int) -> ItemResult:
    if lent.exhausted:
        return failed(item, BudgetExceeded("the batch", lent.exhausted, 0.0, 0.0), cut=True)
    if deaths >= DEATHS:
        return failed(item, SandboxCrashed(f"{deaths} workers died while they answered it"))
    return await settled(asker, item)
