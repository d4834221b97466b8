"""The one thread that writes: takes whatever has come, and commits it as one group.

While one is being committed the next comes together by itself, so a lone row is on disk at once and a crowd of
them shares one wait for the disk. Where many runs are written at once a group is given a few milliseconds to
grow, because a commit costs as much as writing fifty rows. Rows are written in the order in which they came: what
is on disk is always a beginning of what has happened.
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
from rlm_async.journal.codec import NOTHING, Packer, Parts, pack_context
from rlm_async.journal.group import Group, insert, present
from rlm_async.journal.rows import EndRow, Row, RunRow
from rlm_async.journal.schema import told, transaction

log = logging.getLogger(__name__)

GROUP = 512
"""Rows in a group at most: beyond, what they save is no more."""
LINGER = 0.01
"""Seconds for which a group grows where there are `MANY_RUNS` or more: what they hold is lost to a kill, no more."""
MANY_RUNS = 8
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
_TEXTS = "INSERT OR IGNORE INTO texts"


class Writer:
    """Writes rows to a connection that it owns, until closed. Safe to use from every thread.

    A failure is logged once and drops what comes after it: a run must not die of its journal.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, *, contexts: bool, pause: float = PAUSE) -> None:
        """Start the thread."""
        self._connection = connection
        self._path = path
        self._packer = Packer(contexts=contexts)
        self._pause = pause
        self._queue: queue.SimpleQueue[Row | Future[None] | None] = queue.SimpleQueue()
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._runs = 0
        """How many have begun and not ended."""
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
                    self._runs += isinstance(item, RunRow) - isinstance(item, EndRow)
            if rows and not self.broken:
                self._commit(rows)
            for future in waiting:
                future.set_result(None)

    def _taken(self) -> Iterator[Row | Future[None] | None]:
        """All that has come, and at least one."""
        yield self._queue.get()
        if self._runs >= MANY_RUNS:
            self._closing.wait(LINGER)
        for _ in range(GROUP - 1):
            try:
                yield self._queue.get_nowait()
            except queue.Empty:
                return

    def _commit(self, rows: list[Row]) -> None:
        packed = [(row, parts) for row in rows if (parts := self._packed(row)) is not None]
        bodies = self._bodies(parts for _, parts in packed)
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

    def _packed(self, row: Row) -> Parts | None:
        try:
            row.pack(self._packer)
        except Exception:  # a boundary: a value that cannot be packed must not end the thread
            log.exception("a %s could not be packed and is left out of the journal", type(row).__name__)
            self._packer.taken()
            return None
        return self._packer.taken()

    def _bodies(self, parts: Iterator[Parts]) -> dict[bytes, tuple[int, bytes]]:
        """The compressed texts of a group; contexts that are there already are not looked into."""
        bodies: dict[bytes, tuple[int, bytes]] = {}
        for part in parts:
            for digest, context in part.contexts.items():
                if digest not in self._known and digest not in bodies:
                    bodies |= self._documents(context)
            for digest, text in part.texts.items():
                if digest not in self._known and digest not in bodies:
                    bodies[digest] = compressed(text)
        return bodies

    def _documents(self, context: Context) -> dict[bytes, tuple[int, bytes]]:
        if present(self._connection, "contexts", [bytes.fromhex(context.digest)]):
            return {}
        inner = Packer()
        pack_context(context, inner)
        return {digest: compressed(text) for digest, text in inner.parts.texts.items()}

    def _written(self, packed: list[tuple[Row, Parts]], bodies: dict[bytes, tuple[int, bytes]]) -> None:
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

    def _write(self, packed: list[tuple[Row, Parts]], bodies: dict[bytes, tuple[int, bytes]]) -> None:
        group = Group(self._connection)
        with transaction(self._connection):
            insert(self._connection, _TEXTS, [(digest, *body) for digest, body in bodies.items()])
            for row, parts in packed:
                run = row.write(group)
                if parts is not NOTHING:
                    group.use(run, parts)
            self._keep(group)
            group.write()
        for digest in bodies:
            self._known[digest] = None
        while len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    def _keep(self, group: Group) -> None:
        """Write the texts and contexts that rows name, unless they are there."""
        texts = dict(group.texts)
        for digest in group.contexts.keys() - present(self._connection, "contexts", group.contexts):
            context, inner = group.contexts[digest], Packer()
            body = pack_context(context, inner)
            texts |= inner.parts.texts
            self._connection.execute("INSERT INTO contexts VALUES (?, ?, ?)", (digest, context.shape, body))
        missing = texts.keys() - present(self._connection, "texts", texts)
        insert(self._connection, _TEXTS, [(digest, *compressed(texts[digest])) for digest in missing])

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
