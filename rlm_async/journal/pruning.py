"""Deleting runs, and the texts that only they have used."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from rlm_async.journal.schema import transaction


def delete(connection: sqlite3.Connection, runs: Iterable[str]) -> None:
    """Delete runs in one transaction, and sweep out what nobody uses any more."""
    with transaction(connection):
        for run in runs:
            connection.execute("DELETE FROM runs WHERE run = ?", (run,))
        _sweep(connection)


def used(connection: sqlite3.Connection) -> int:
    """Bytes of the pages that hold something."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def vacuum(connection: sqlite3.Connection) -> None:
    """Give free space back to the disk; needs as much again while it works."""
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _sweep(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM contexts WHERE digest NOT IN (SELECT digest FROM uses)")
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (digest BLOB PRIMARY KEY) WITHOUT ROWID")
    connection.execute("DELETE FROM wanted")
    for (body,) in connection.execute("SELECT body FROM contexts"):
        pairs = msgspec.msgpack.decode(body, type=list[tuple[bytes, bytes]])
        connection.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((digest,) for _, digest in pairs))
    connection.execute(
        "DELETE FROM texts WHERE digest NOT IN (SELECT digest FROM uses) AND digest NOT IN (SELECT digest FROM wanted)"
    )
