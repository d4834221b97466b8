"""The texts that items are about: what several of them share is read, digested and kept once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio

from rlm_async.core.context import EMPTY, Context
from rlm_async.core.items import Item
from rlm_async.errors import RLMError

Load = Callable[[Sequence[str]], Awaitable[Context]]
LARGEST = 200_000_000
"""Characters of texts that are kept for items to come; what is in use is not counted."""


@dataclass(slots=True, eq=False)
class _Loading:
    ready: anyio.Event = field(default_factory=anyio.Event)
    context: Context | None = None
    error: RLMError | None = None


class Corpora:
    """Contexts of items. Equal paths are loaded once, also while the first load still runs."""

    def __init__(self, load: Load, shared: Context = EMPTY, largest: int = LARGEST) -> None:
        """`shared` is what items without a context of their own are about."""
        self._load = load
        self._shared = shared
        self._largest = largest
        self._loading: dict[tuple[str, ...], _Loading] = {}
        self._kept: OrderedDict[tuple[str, ...], Context] = OrderedDict()
        self._characters = 0
        self.loads = 0

    async def of(self, item: Item) -> Context:
        """What `item` is about; raises ConfigError where its paths cannot be read."""
        if item.context is not None:
            return item.context
        if not item.paths:
            return self._shared
        while (context := self._kept.get(item.paths)) is None:
            if (loading := self._loading.get(item.paths)) is None:
                return await self._loaded(item.paths)
            await loading.ready.wait()
            if loading.context is not None:
                return loading.context
            if loading.error is not None:
                raise loading.error
        self._kept.move_to_end(item.paths)
        return context

    async def _loaded(self, paths: tuple[str, ...]) -> Context:
        loading = self._loading[paths] = _Loading()
        self.loads += 1
        try:
            loading.context = context = await self._load(paths)
        except RLMError as error:
            loading.error = error
            raise
        finally:
            del self._loading[paths]
            loading.ready.set()
        self._keep(paths, context)
        return context

    def _keep(self, paths: tuple[str, ...], context: Context) -> None:
        self._kept[paths] = context
        self._characters += context.characters
        while self._characters > self._largest and self._kept:
            _, gone = self._kept.popitem(last=False)
            self._characters -= gone.characters
