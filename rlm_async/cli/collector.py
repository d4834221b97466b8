"""Python's search for cycles, relaxed: a process that answers many items makes and drops objects all the time.

By default every 700 new objects start a search, and each hundredth search goes through all that is alive, modules
included: that was a seventh of a batch's processor time. What is loaded by now lives as long as the process and is
left out. Seldomer still would be cheaper and is not done: with searches every 10,000 objects what waited to be found
took 12 MB more after 600 items, with these the memory stays flat.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = (2_000, 5, 5)
"""New objects until the youngest are searched, and how often that until older ones are (see `gc.set_threshold`)."""


@contextmanager
def relaxed() -> Iterator[None]:
    """Search less often for the length of the block."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
