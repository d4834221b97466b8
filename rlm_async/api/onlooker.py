"""A caller who watches a run from outside."""

from __future__ import annotations

from collections.abc import Callable

from rlm_async.core.events import Event


class Onlooker:
    """Hands each event on; with `live` also how replies come in."""

    def __init__(self, hand: Callable[[Event], None], *, live: bool) -> None:
        """Hand events to `hand`, which must not block."""
        self._hand = hand
        self.live = live

    def __call__(self, event: Event) -> None:
        """Take one event."""
        self._hand(event)
