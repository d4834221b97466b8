"""The journal's file: opening it, telling what is wrong with it, and bringing an older one up to date.

One SQLite file in WAL mode (https://sqlite.org/wal.html): readers never wait for the writer, and a process
that is killed leaves a consistent file. `synchronous=FULL`, because a commit is made for many rows at once
by a thread of its own: nobody waits for the disk, and a power cut costs only the newest milliseconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlm_async.errors import ConfigError

APPLICATION = 0x524C4D4A
"""Marks the file as ours (`RLMJ`), for `file` and for opening anything else by mistake."""
BUSY_SECONDS = 30.0
"""How long a process waits for another one's commit."""

_V1 = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL UNIQUE,
    identity BLOB NOT NULL,
    owner TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'running',
    started REAL NOT NULL,
    ended REAL,
    model TEXT NOT NULL,
    question TEXT NOT NULL,
    text TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    cut TEXT,
    origin TEXT NOT NULL DEFAULT '',
    batch TEXT NOT NULL DEFAULT '',
    item TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL,
    content TEXT NOT NULL,
    nodes INTEGER NOT NULL DEFAULT 0,
    calls INTEGER NOT NULL DEFAULT 0,
    prompt_tokens INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    cached_tokens INTEGER NOT NULL DEFAULT 0,
    nanos INTEGER DEFAULT 0,
    recalled BLOB,
    opening BLOB NOT NULL,
    data BLOB
);
CREATE INDEX runs_by_identity ON runs (identity, number);
CREATE INDEX runs_by_batch ON runs (batch, item) WHERE batch != '';
CREATE TABLE events (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE TABLE completions (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    key BLOB NOT NULL,
    occurrence INTEGER NOT NULL,
    node INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    free INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    body BLOB,
    PRIMARY KEY (run, key, occurrence)
) WITHOUT ROWID;
CREATE INDEX completions_by_key ON completions (key);
CREATE TABLE contexts (
    digest BLOB PRIMARY KEY,
    shape TEXT NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE texts (
    digest BLOB PRIMARY KEY,
    packed INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE uses (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    digest BLOB NOT NULL,
    PRIMARY KEY (run, digest)
) WITHOUT ROWID;
CREATE INDEX uses_by_digest ON uses (digest);
"""

_V2 = """
CREATE TABLE tools (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    key BLOB NOT NULL,
    occurrence INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run, key, occurrence)
) WITHOUT ROWID;
CREATE INDEX runs_by_start ON runs (started);
"""

STEPS = (_V1, _V2)
"""Step n brings a file from version n to n + 1; a step that has been released is never changed."""
VERSION = len(STEPS)


def connected(path: Path, *, create: bool, steps: tuple[str, ...] = STEPS) -> sqlite3.Connection:
    """A connection to the journal at `path`, which is made or brought up to date first.

    Raises ConfigError where there is none and `create` is not set, where it is no journal, damaged, locked,
    of a newer version, or where nothing can be written.
    """
    if not create and not path.exists():
        raise ConfigError(f"there is no journal at {path}; name the file that --journal was given")
    with told(path):
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # what was read and said is its owner's; SQLite gives its side files the same mode
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        with told(path):
            _prepare(connection, path, steps)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block or nothing; takes the write lock at once, so that two writers never have to give way."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Make one plain ConfigError of what SQLite or the system says of the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise ConfigError(f"the journal {path} {_reason(error)}") from error
    except OSError as error:
        raise ConfigError(
            f"the journal {path} cannot be opened: {error.strerror or error}; name another file"
        ) from error


def _prepare(connection: sqlite3.Connection, path: Path, steps: tuple[str, ...]) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION and (version or tables):
        raise ConfigError(f"{path} is a database of something else, not a journal; name another file")
    if version > len(steps):
        raise ConfigError(
            f"the journal {path} was written by a newer rlm-async (version {version} of its form, this one knows "
            f"{len(steps)}); upgrade rlm-async, or name another file"
        )
    if version < len(steps):
        _migrate(connection, steps)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _migrate(connection: sqlite3.Connection, steps: tuple[str, ...]) -> None:
    """Bring the file up to date in one transaction: who is killed in it leaves the file as it was."""
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()  # another process may have been faster
        for step in steps[version:]:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION}")
        connection.execute(f"PRAGMA user_version={max(version, len(steps))}")


def _reason(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return {
        sqlite3.SQLITE_BUSY: "is locked by another program; end that first, or name another file",
        sqlite3.SQLITE_LOCKED: "is locked by another program; end that first, or name another file",
        sqlite3.SQLITE_FULL: "cannot grow: the disk is full; free some space, or name a file on another disk",
        sqlite3.SQLITE_READONLY: "may not be written to; change its permissions, or name another file",
        sqlite3.SQLITE_CANTOPEN: "cannot be opened; check its folder and permissions, or name another file",
        sqlite3.SQLITE_NOTADB: "is no journal; name another file",
        sqlite3.SQLITE_CORRUPT: "is damaged; move it away, or save what can be read with `sqlite3 FILE .recover`",
        sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
    }.get(code, f"cannot be used: {error}")
