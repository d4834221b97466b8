"""Where a batch stands: counts, money, and how long it will take; one line, again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from rlm_async.batch.estimate import Estimate, Range, Spent
from rlm_async.cli.amounts import count, duration, money
from rlm_async.cli.streams import write, write_line
from rlm_async.cli.text import one_line
from rlm_async.core.data import Data
from rlm_async.core.items import ItemResult
from rlm_async.core.query import Status
from rlm_async.core.usage import NANO

NAMED = 10
"""Failed items that are named at the end; the others are in the results."""
_SELDOM = 30.0


class Tally:
    """Counts results as they come; `clock` gives seconds from any beginning."""

    def __init__(self, items: int, done: int, clock: Callable[[], float]) -> None:
        """Of `items` in all, `done` had results before."""
        self.items = items
        self.done = done
        self.began = clock()
        self.spent = Spent()
        self.states: dict[Status, int] = {"complete": 0, "partial": 0, "failed": 0}
        self.failed: list[tuple[str, str]] = []
        self.cut = 0
        self._clock = clock

    def __call__(self, result: ItemResult) -> None:
        """Take a result."""
        self.states[result.status] += 1
        self.spent.add(result.record)
        self.cut += not result.settled
        if result.status == "failed" and len(self.failed) < NAMED:
            self.failed.append((result.id, result.reason))

    @property
    def ended(self) -> int:
        """Items that have a result now and had none before."""
        return sum(self.states.values())

    @property
    def left(self) -> int:
        """Items without a result."""
        return self.items - self.done - self.ended

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self.began

    def line(self) -> str:
        """Where the batch stands."""
        parts = [f"{self.done + self.ended:,} of {count(self.items, 'item')}{self._odd()}", self._money()]
        if self.ended and self.left:
            pace = self.ended / max(self.seconds, 0.001)
            parts.append(f"{pace * 60:,.0f}/min, about {duration(self.left / pace)} more")
        else:
            parts.append(duration(self.seconds))
        return " · ".join(parts)

    def summary(self) -> dict[str, Data]:
        """The same for programs."""
        usage: Data = {
            "calls": self.spent.calls,
            "tokens": self.spent.tokens,
            "usd": None if self.spent.unknown else self.spent.usd,
            "seconds": round(self.seconds, 3),
        }
        states: dict[str, Data] = {str(state): number for state, number in self.states.items()}
        return {"items": self.items, "before": self.done, **states, "left": self.left, "usage": usage}

    def _odd(self) -> str:
        odd = [f"{self.states[state]:,} {state}" for state in ("failed", "partial") if self.states[state]]
        return f" ({', '.join(odd)})" if odd else ""

    def _money(self) -> str:
        spent = self.spent
        now = money(int(spent.usd * NANO), unknown=spent.unknown)
        if spent.unknown or not spent.items or not self.left:
            return f"{now}, {count(spent.calls, 'call')}"
        whole = spent.usd * (self.ended + self.left) / self.ended
        return f"{now} of about {money(int(whole * NANO))}, {count(spent.calls, 'call')}"


class ProgressLine:
    """Shows a tally: one line that changes in a terminal, a line now and then elsewhere."""

    def __init__(self, stream: TextIO, clock: Callable[[], float], *, quiet: bool) -> None:
        """Write to `stream`."""
        self._stream = stream
        self._clock = clock
        self._quiet = quiet
        self._terminal = stream.isatty()
        self._told = clock()
        self._shown = False

    @property
    def period(self) -> float:
        """Seconds between two looks."""
        return 0.5 if self._terminal else 5.0

    def show(self, tally: Tally) -> None:
        """Bring it up to date."""
        if self._quiet:
            return
        if self._terminal:
            write(f"\r\x1b[2K{tally.line()}", self._stream)
            self._shown = True
        elif self._clock() - self._told >= (self.period if tally.seconds < 2 * _SELDOM else _SELDOM):
            self._told = self._clock()
            write_line(tally.line(), self._stream)

    def say(self, line: str) -> None:
        """A line of its own."""
        if self._quiet:
            return
        self.clear()
        write_line(line, self._stream)

    def clear(self) -> None:
        """Take the line that changes away."""
        if self._shown:
            write("\r\x1b[2K", self._stream)
            self._shown = False


def failures(tally: Tally, results: str) -> list[str]:
    """What failed and why, and what to do about it."""
    failed = tally.states["failed"]
    if not failed:
        return []
    lines = [f"  {one_line(name, 60)}: {one_line(reason, 200)}" for name, reason in tally.failed]
    if failed > len(lines):
        lines.append(f"  and {failed - len(lines):,} more, in {results}")
    return [f"{count(failed, 'item')} failed; --only-failed asks them again:", *lines]


def told(estimate: Estimate) -> list[str]:
    """An estimate for a person."""
    rest = (
        f"as {count(estimate.measured, 'answer')} so far" if estimate.measured else "a guess: code decides what is read"
    )
    usd = "price unknown" if estimate.usd is None else _between(estimate.usd, lambda usd: money(int(usd * NANO)))
    return [
        f"{count(estimate.items, 'item')} to ask ({rest})",
        f"  calls   {_between(estimate.calls, lambda calls: count(round(calls)))}",
        f"  tokens  {_between(estimate.tokens, lambda tokens: count(round(tokens)))}",
        f"  money   {usd}",
        f"  time    {_between(estimate.seconds, duration)}",
    ]


def plain(estimate: Estimate) -> dict[str, Data]:
    """An estimate for programs."""
    usd = None if estimate.usd is None else [estimate.usd.low, estimate.usd.high]
    return {
        "items": estimate.items,
        "calls": [round(estimate.calls.low), round(estimate.calls.high)],
        "tokens": [round(estimate.tokens.low), round(estimate.tokens.high)],
        "usd": usd,
        "seconds": [estimate.seconds.low, estimate.seconds.high],
        "measured": estimate.measured,
    }


def _between(amount: Range, shown: Callable[[float], str]) -> str:
    low, high = shown(amount.low), shown(amount.high)
    return low if low == high else f"{low} to {high}"
