"""One trace for each item, whichever process answers it, and however often it is handed out.

The caller's own trace where there is one. Else the ids are made of the batch's name and the item's, so that a
worker that takes an item over goes on in the trace of the one that died (W3C Trace Context, traceparent).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from rlm_async.core.items import Item
from rlm_async.telemetry.propagation import carried


def traced(item: Item, batch: str) -> Item:
    """The item with a trace to belong to."""
    if item.trace:
        return item
    mine = carried().get("traceparent")
    if mine is None:
        digest = hashlib.blake2b(f"{batch}\0{item.id}".encode(), digest_size=24).hexdigest()
        mine = f"00-{digest[:32]}-{digest[32:]}-01"
    return replace(item, trace=mine)
