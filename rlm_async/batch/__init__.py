"""Many questions: where they come from, who answers them, where the results last."""

from __future__ import annotations

from rlm_async.batch.sources import Form, items_of
from rlm_async.core.items import Item, ItemResult

__all__ = ["Form", "Item", "ItemResult", "items_of"]
