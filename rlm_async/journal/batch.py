"""What the runs of one batch share: the completions of equal requests, each asked once.

Most requests of a batch are new, and to look into the file for them would cost more than all else that is written of
a call. So the keys that may be there are kept in memory, in a sieve: what this process writes goes into it at
once, what others write when the next run begins.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import anyio.to_thread

from rlm_async.core.messages import Completion
from rlm_async.journal.reading import Reader
from rlm_async.journal.sieve import Sieve

PERIOD = 1.0
"""Seconds between two looks at what others have written."""


class Batch:
    """Answers from the file, also what other processes and earlier starts of the batch have written there.

    What is in flight, or on its way to the disk, is for a cache in memory (`api/batching.py`) to share.
    """

    def __init__(
        self, name: str, reader: Reader, clock: Callable[[], float] = time.monotonic, *, resume: bool = True
    ) -> None:
        """Share among the runs of batch `name`; without `resume` only from the first one on that begins here."""
        self._name = name
        self._reader = reader
        self._clock = clock
        self._keys = Sieve()
        self._mine: set[int] = set()
        """Runs that this process has begun, from `_from` on."""
        self._first: int | None = 0 if resume else None
        self._from = 0
        """The first run that others may still write to."""
        self._due = float("-inf")
        self._turn = threading.Lock()

    def begun(self, run: int) -> None:
        """A run of this process begins; learns what others have been answered meanwhile. Reads the disk."""
        with self._turn:
            self._mine.add(run)
            if self._first is None:
                self._first = self._from = run
            if self._clock() >= self._due:
                self._look()
                self._due = self._clock() + PERIOD

    def note(self, key: str) -> None:
        """A completion is on its way to the file."""
        self._keys.add(bytes.fromhex(key))

    async def recall(self, key: str) -> Completion | None:
        """What any run of the batch was answered."""
        raw = bytes.fromhex(key)
        if raw not in self._keys:
            return None
        find = partial(self._reader.of_batch, self._name, raw, self._first or 0)
        return await anyio.to_thread.run_sync(find, abandon_on_cancel=True)

    def _look(self) -> None:
        """Read the keys of runs that are not ours, from the first one that may have grown."""
        runs = self._reader.runs_of_batch(self._name, self._from)
        growing = [number for number, grows in runs if grows and number not in self._mine]
        for number, _ in runs:
            if number not in self._mine:
                for key in self._reader.keys(number):
                    self._keys.add(key)
        newest = max((number for number, _ in runs), default=self._from)
        self._from = min(growing, default=newest)
        self._mine = {number for number in self._mine if number >= self._from}
