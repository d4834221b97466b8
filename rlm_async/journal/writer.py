"""The one thread that writes: takes whatever has come, and commits it as one group.

There is no delay to collect a group: while one is being committed the next comes together by itself, so a
lone row is on disk at once and a crowd of them shares one wait for the disk. Rows are written in the order
in which they came: what is on disk is always a beginning of what has happened.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from rlm_async.core.context import Context
from rlm_async.errors import ConfigError
from rlm_async.journal.codec import Packer, pack_context
from rlm_async.journal.rows import Row
from rlm_async.journal.schema import told, transaction

log = logging.getLogger(__name__)

GROUP = 512
"""Rows in a group at most: beyond, what they save is no more."""
TRIES = 3
"""A group that cannot be written is tried so often, then nothing is written any more."""
PAUSE = 0.5
"""Seconds between the tries; a busy file has been waited for much longer by then."""
CROWDED = 5_000
"""Rows on the way beyond which a run should wait for the disk."""
_KNOWN = 100_000
"""Digests that are remembered as written."""
_SMALLEST = 64
"""Bytes below which nothing is gained by compressing."""


class Writer:
    """Writes rows to a connection that it owns, until closed. Safe to use from every thread.

    A failure is logged once and drops what comes after it: a run must not die of its journal.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, *, contexts: bool, pause: float = PAUSE) -> None:
        """Start the thread."""
        self._connection = connection
        self._path = path
        self._contexts = contexts
        self._pause = pause
        self._queue: queue.SimpleQueue[Row | Future[None] | None] = queue.SimpleQueue()
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._closing = threading.Event()
        self.broken: str = ""
        """Why nothing is written any more."""
        self.commits = 0
        self._thread = threading.Thread(target=self._work, name="rlm-async journal", daemon=True)
        self._thread.start()

    @property
    def crowded(self) -> bool:
        """Whether the disk is far behind."""
        return self._queue.qsize() > CROWDED

    def put(self, row: Row) -> None:
        """Hand over a row; never waits."""
        if not self.broken:
            self._queue.put(row)

    def flush(self) -> None:
        """Wait until all that was put before is committed; raises ConfigError where it could not be."""
        done: Future[None] = Future()
        if self._closing.is_set():
            return
        self._queue.put(done)
        done.result()
        if self.broken:
            raise ConfigError(self.broken)

    def close(self) -> None:
        """Write what is left, and end the thread."""
        if not self._closing.is_set():
            self._closing.set()
            self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        over = False
        while not over:
            rows: list[Row] = []
            waiting: list[Future[None]] = []
            for item in self._taken():
                if item is None:
                    over = True
                elif isinstance(item, Future):
                    waiting.append(item)
                else:
                    rows.append(item)
            if rows and not self.broken:
                self._commit(rows)
            for future in waiting:
                future.set_result(None)

    def _taken(self) -> Iterator[Row | Future[None] | None]:
        """All that has come, and at least one."""
        yield self._queue.get()
        for _ in range(GROUP - 1):
            try:
                yield self._queue.get_nowait()
            except queue.Empty:
                return

    def _commit(self, rows: list[Row]) -> None:
        packed = [(row, packer) for row in rows if (packer := self._packed(row)) is not None]
        bodies = self._bodies(packer for _, packer in packed)
        for attempt in range(1, TRIES + 1):
            try:
                with told(self._path):
                    self._written(packed, bodies)
            except ConfigError as error:
                if attempt == TRIES or self._closing.wait(self._pause):
                    self._give_up(str(error))
                    return
            else:
                self.commits += 1
                return

    def _packed(self, row: Row) -> Packer | None:
        packer = Packer(contexts=self._contexts)
        try:
            row.pack(packer)
        except Exception:  # a boundary: a value that cannot be packed must not end the thread
            log.exception("a %s could not be packed and is left out of the journal", type(row).__name__)
            return None
        return packer

    def _bodies(self, packers: Iterator[Packer]) -> dict[bytes, tuple[int, bytes]]:
        """The compressed texts of a group; contexts that are there already are not looked into."""
        bodies: dict[bytes, tuple[int, bytes]] = {}
        for packer in packers:
            for digest, context in list(packer.parts.contexts.items()):
                if digest not in self._known and digest not in bodies:
                    bodies |= self._documents(context)
            for digest, text in packer.parts.texts.items():
                if digest not in self._known and digest not in bodies:
                    bodies[digest] = compressed(text)
        return bodies

    def _documents(self, context: Context) -> dict[bytes, tuple[int, bytes]]:
        if self._connection.execute(
            "SELECT 1 FROM contexts WHERE digest=?", (bytes.fromhex(context.digest),)
        ).fetchone():
            return {}
        inner = Packer()
        pack_context(context, inner)
        return {digest: compressed(text) for digest, text in inner.parts.texts.items()}

    def _written(self, packed: list[tuple[Row, Packer]], bodies: dict[bytes, tuple[int, bytes]]) -> None:
        """Write a group; where a row's run was deleted by somebody in the meantime, all but that run's."""
        try:
            self._write(packed, bodies)
        except sqlite3.IntegrityError:
            gone = 0
            for one in packed:
                try:
                    self._write([one], {})
                except sqlite3.IntegrityError:
                    gone += 1
            log.warning("%s: %d rows belong to a run that was deleted while it went on", self._path, gone)

    def _write(self, packed: list[tuple[Row, Packer]], bodies: dict[bytes, tuple[int, bytes]]) -> None:
        with transaction(self._connection):
            for digest, (size, body) in bodies.items():
                self._connection.execute("INSERT OR IGNORE INTO texts VALUES (?, ?, ?)", (digest, size, body))
            for row, packer in packed:
                run = row.write(self._connection)
                self._keep(run, packer)
        for digest in bodies:
            self._known[digest] = None
        while len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    def _keep(self, run: int | None, packer: Packer) -> None:
        """Write the texts and contexts that a row names, unless they are there, and that the run uses them."""
        parts = packer.parts
        for digest, text in parts.texts.items():
            if not self._connection.execute("SELECT 1 FROM texts WHERE digest=?", (digest,)).fetchone():
                self._connection.execute("INSERT INTO texts VALUES (?, ?, ?)", (digest, *compressed(text)))
        for digest, context in parts.contexts.items():
            self._keep_context(digest, context)
        uses = [(run, digest) for digest in (*parts.texts, *parts.contexts)]
        if uses:
            self._connection.executemany("INSERT OR IGNORE INTO uses VALUES (?, ?)", uses)

    def _keep_context(self, digest: bytes, context: Context) -> None:
        if self._connection.execute("SELECT 1 FROM contexts WHERE digest=?", (digest,)).fetchone():
            return
        inner = Packer()
        body = pack_context(context, inner)
        for part, text in inner.parts.texts.items():
            if not self._connection.execute("SELECT 1 FROM texts WHERE digest=?", (part,)).fetchone():
                self._connection.execute("INSERT INTO texts VALUES (?, ?, ?)", (part, *compressed(text)))
        self._connection.execute("INSERT INTO contexts VALUES (?, ?, ?)", (digest, context.shape, body))

    def _give_up(self, reason: str) -> None:
        self.broken = reason
        log.warning("%s; runs go on, and what happens from here on is not kept", reason)


def compressed(text: str) -> tuple[int, bytes]:
    """The bytes of a text and whether they are compressed (1) or as they are (0); zlib, RFC 1950."""
    raw = text.encode("utf-8", "surrogatepass")
    small = zlib.compress(raw, 1) if len(raw) >= _SMALLEST else raw
    return (1, small) if len(small) < len(raw) else (0, raw)


def plain_text(packed: int, body: bytes) -> str:
    """The text of what `compressed` gave."""
    return (zlib.decompress(body) if packed else body).decode("utf-8", "surrogatepass")
