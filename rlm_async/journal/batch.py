"""What the runs of one batch share: the completions of equal requests, each asked once."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import anyio.to_thread

from rlm_async.core.messages import Completion
from rlm_async.journal.reading import Reader

RECENT = 10_000
"""Completions that are remembered here: those on their way to the disk, and the most wanted."""


class Batch:
    """Answers from memory, then from the file. Two equal requests in flight are for `Flights` to join."""

    def __init__(self, name: str, reader: Reader) -> None:
        """Share among the runs of batch `name`."""
        self._name = name
        self._reader = reader
        self._recent: OrderedDict[str, Completion] = OrderedDict()

    async def recall(self, key: str) -> Completion | None:
        """What any run of the batch was answered."""
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key]
        find = partial(self._reader.of_batch, self._name, bytes.fromhex(key))
        found = await anyio.to_thread.run_sync(find, abandon_on_cancel=True)
        if found is not None:
            self.keep(key, found)
        return found

    def keep(self, key: str, completion: Completion) -> None:
        """Keep what one of them was answered."""
        self._recent[key] = completion
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
