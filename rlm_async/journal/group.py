"""What one commit writes: rows of one table together, in few statements.

With each statement SQLite lets go of Python's lock, which has to be won back from a busy event loop. So what a
commit costs is its statements, not its rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from rlm_async.core.context import Context
from rlm_async.core.usage import Usage
from rlm_async.journal.codec import Parts

T = TypeVar("T")
MANY = 64
"""Rows of one statement at most; what is left over goes in powers of two, so that few statements are ever parsed."""

_EVENTS = "INSERT INTO events (run, position, kind, body)"
_COMPLETIONS = "INSERT OR IGNORE INTO completions (run, key, occurrence, node, turn, free, error, body)"
_TOOLS = "INSERT OR IGNORE INTO tools (run, key, occurrence, body)"
_ADD = (
    "UPDATE runs SET nodes=nodes+?, calls=calls+?, prompt_tokens=prompt_tokens+?, "
    "completion_tokens=completion_tokens+?, cached_tokens=cached_tokens+?, nanos=nanos+? WHERE number=?"
)  # NULL, an unknown price, stays so


class Group:
    """Collects the rows of a commit; `write` puts them into the file, inside a transaction of the caller's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Start empty."""
        self.connection = connection
        self.events: list[tuple[object, ...]] = []
        self.completions: list[tuple[object, ...]] = []
        self.tools: list[tuple[object, ...]] = []
        self.texts: dict[bytes, str] = {}
        self.contexts: dict[bytes, Context] = {}
        self._uses: dict[tuple[int | None, bytes], None] = {}
        self._nodes: dict[int, int] = {}
        self._costs: dict[int, Usage] = {}
        self._ends: list[tuple[str, tuple[object, ...]]] = []

    def node(self, run: int) -> None:
        """Count a node of a run."""
        self._nodes[run] = self._nodes.get(run, 0) + 1

    def cost(self, run: int, usage: Usage) -> None:
        """Add to what a run has cost."""
        known = self._costs.get(run)
        self._costs[run] = usage if known is None else known + usage

    def end(self, statement: str, values: tuple[object, ...]) -> None:
        """Change a run's row, after all else and in the order of the calls."""
        self._ends.append((statement, values))

    def use(self, run: int | None, parts: Parts) -> None:
        """Note the texts and contexts that a run's row names."""
        self.texts |= parts.texts
        self.contexts |= parts.contexts
        for digest in chain(parts.texts, parts.contexts):
            self._uses[run, digest] = None

    def write(self) -> None:
        """Write all rows but those of texts and contexts."""
        connection = self.connection
        insert(connection, _EVENTS, self.events)
        insert(connection, _COMPLETIONS, self.completions)
        insert(connection, _TOOLS, self.tools)
        for run in self._nodes.keys() | self._costs.keys():
            usage = self._costs.get(run, Usage())
            connection.execute(_ADD, (self._nodes.get(run, 0), *amounts(usage), run))
        for statement, values in self._ends:
            connection.execute(statement, values)
        insert(connection, "INSERT OR IGNORE INTO uses", list(self._uses))


def insert(connection: sqlite3.Connection, head: str, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows of equal length."""
    for chunk in _chunks(rows):
        marks = f"({', '.join('?' * len(chunk[0]))})"
        connection.execute(f"{head} VALUES {', '.join([marks] * len(chunk))}", tuple(chain.from_iterable(chunk)))


def present(connection: sqlite3.Connection, table: str, digests: Iterable[bytes]) -> set[bytes]:
    """Those of `digests` that a table has already."""
    found: set[bytes] = set()
    for chunk in _chunks(list(digests)):
        query = f"SELECT digest FROM {table} WHERE digest IN ({', '.join('?' * len(chunk))})"  # noqa: S608 - our own names
        found.update(digest for (digest,) in connection.execute(query, chunk))
    return found


def amounts(usage: Usage) -> tuple[int, int, int, int, int | None]:
    """The columns of a usage."""
    return (usage.calls, usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.nanos)


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    start, size = 0, MANY
    while start < len(values):
        while size > len(values) - start:
            size //= 2
        yield values[start : start + size]
        start += size
