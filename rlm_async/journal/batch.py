"""What the runs of one batch share: the completions of equal requests, each asked once."""

from __future__ import annotations

from functools import partial

import anyio.to_thread

from rlm_async.core.messages import Completion
from rlm_async.journal.reading import Reader


class Batch:
    """Answers from the file, also what other processes and earlier starts of the batch have written there.

    What is in flight, or on its way to the disk, is for a cache in memory (`api/batching.py`) to share.
    """

    def __init__(self, name: str, reader: Reader) -> None:
        """Share among the runs of batch `name`."""
        self._name = name
        self._reader = reader

    async def recall(self, key: str) -> Completion | None:
        """What any run of the batch was answered."""
        find = partial(self._reader.of_batch, self._name, bytes.fromhex(key))
        return await anyio.to_thread.run_sync(find, abandon_on_cancel=True)
