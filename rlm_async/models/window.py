"""A sliding log of what was taken in the last seconds: the memory of a rate."""

from __future__ import annotations

import math
from collections import deque


class Window:
    """A sliding log: at most `limit` in any `seconds`. What was taken too much is given back."""

    __slots__ = ("_entries", "_total", "limit", "seconds")

    def __init__(self, limit: float, seconds: float) -> None:
        """Start empty."""
        self.limit = limit
        self.seconds = seconds
        self._entries: deque[list[float]] = deque()
        self._total = 0.0

    def wait(self, now: float, amount: float) -> float:
        """Seconds until `amount` fits, 0 for now. More than the limit fits an empty window."""
        self._forget(now)
        over = self._total + min(amount, self.limit) - self.limit
        if over <= 0:
            return 0.0
        last = -math.inf
        for at, taken in self._entries:
            last = max(last, at)  # a moved entry may be later than those behind it
            over -= taken
            if over <= 0:
                break
        return last + self.seconds - now

    def take(self, now: float, amount: float) -> list[float]:
        """Note `amount`; the entry is what `correct` wants back."""
        entry = [now, amount]
        self._entries.append(entry)
        self._total += amount
        return entry

    def correct(self, entry: list[float], amount: float, now: float) -> None:
        """Replace an entry's amount by the true one; too late once it has left the window."""
        self._forget(now)
        if entry[0] + self.seconds > now:
            self._total += amount - entry[1]
            entry[1] = amount

    def move(self, entry: list[float], at: float, now: float) -> None:
        """Count an entry from another time on; too late once it has left the window."""
        self._forget(now)
        if entry[0] + self.seconds > now:
            entry[0] = at

    def taken(self, now: float) -> float:
        """What the last `seconds` hold."""
        self._forget(now)
        return self._total

    def _forget(self, now: float) -> None:
        while self._entries and self._entries[0][0] + self.seconds <= now:
            self._total -= self._entries.popleft()[1]
