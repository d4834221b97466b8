"""The connection to the database: opened once, patient where the server restarts.

procrastinate (PostgreSQL-backed job queue, MIT licence) brings the pool, the queue and the workers' heartbeats.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from rlm_async.batch.postgres.schema import LOCK, SCHEMA, TABLES
from rlm_async.errors import ConfigError, RLMError

T = TypeVar("T")
Connection = psycopg.AsyncConnection[DictRow]
_BROKEN = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
PATIENCE = 300.0
"""Seconds for which a database that is gone is waited for."""
PAUSE = 0.2


class Database:
    """One database; use `Database.opened`. What is asked of it is asked again while it is down."""

    def __init__(self, app: App, pool: AsyncConnectionPool[Connection]) -> None:
        self.app = app
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, connections: int = 4) -> AsyncIterator[Database]:
        """The database at `url`, with its tables made where they are not there; raises ConfigError."""
        try:
            await _prepare(url)
        except psycopg.Error as error:
            raise ConfigError(f"the database cannot be used: {_line(error)}") from error
        settings = {"options": f"-c search_path={SCHEMA}", "application_name": "rlm-async"}
        connector = PsycopgConnector(conninfo=url, kwargs=settings, min_size=1, max_size=connections, timeout=10)
        app = App(connector=connector)
        pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs={**settings, "row_factory": dict_row},
            min_size=1,
            max_size=connections,
            timeout=10,
            open=False,
            check=AsyncConnectionPool.check_connection,
        )
        try:
            await pool.open(wait=True)
            await app.open_async()
            yield cls(app, pool)
        finally:
            with anyio.CancelScope(shield=True):
                await pool.close()
                await app.close_async()

    async def durable(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives; begun anew while the database is down, so it must be harmless twice."""
        with anyio.move_on_after(PATIENCE):
            while True:
                try:
                    with anyio.CancelScope(shield=True):  # short; cut off in the middle, a connection is lost
                        return await work()
                except (*_BROKEN, ConnectorException) as error:
                    if not is_down(error):
                        raise
                    await anyio.sleep(PAUSE)
        raise ConfigError(f"the database was gone for more than {PATIENCE:.0f} seconds")

    async def transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """What `work` gives, in a transaction of its own, begun anew while the database is down."""

        async def once() -> T:
            async with self._pool.connection() as connection, connection.transaction():
                return await work(connection)

        return await self.durable(once)

    async def rows(self, query: str, values: Mapping[str, object]) -> list[DictRow]:
        """The rows of one statement."""

        async def ask(connection: Connection) -> list[DictRow]:
            cursor = await connection.execute(query.encode(), values)
            return await cursor.fetchall() if cursor.description else []

        return await self.transaction(ask)


@asynccontextmanager
async def plain_errors() -> AsyncIterator[None]:
    """Raise the one error that ended a task group as itself, where it is one of ours."""
    try:
        yield
    except BaseExceptionGroup as group:
        ours, _ = group.split(RLMError)
        inner: BaseException | None = ours
        while isinstance(inner, BaseExceptionGroup):
            inner = inner.exceptions[0]
        if inner is None:
            raise
        raise inner from group


def is_down(error: BaseException | None) -> bool:
    """Whether an error is a database that restarts, or a line that breaks; asking again may help then."""
    while isinstance(error, ConnectorException):  # procrastinate wraps what it met
        error = error.__cause__
    return isinstance(error, _BROKEN)


async def _prepare(url: str) -> None:
    """Make schema and tables, one at a time."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        try:
            name = sql.Identifier(SCHEMA)
            await connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
            await connection.execute(sql.SQL("SET search_path = {}").format(name))
            await connection.execute(TABLES.encode())
            cursor = await connection.execute("SELECT to_regclass('procrastinate_jobs') IS NULL")
            row = await cursor.fetchone()
            if row is not None and row[0]:
                connector = PsycopgConnector(conninfo=url, kwargs={"options": f"-c search_path={SCHEMA}"}, min_size=1)
                app = App(connector=connector)
                async with app.open_async():
                    await app.schema_manager.apply_schema_async()
        finally:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


def _line(error: Exception) -> str:
    """The first line; a password in the address is never part of it."""
    return str(error).partition("\n")[0]
