"""The live tree in a terminal: four pictures a second of what a run is doing, and the last one stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from rlm_async.cli.amounts import count, duration, money
from rlm_async.cli.progress import Progress, Seen
from rlm_async.cli.rows import Row, rows
from rlm_async.cli.text import visible
from rlm_async.core.events import Event
from rlm_async.core.graph import FINAL, State
from rlm_async.engine.recorder import Clock

FOOTER = 3
"""Lines below the rows: two of totals, and one left free so that the terminal does not scroll."""
LAST_ROWS = 16
"""Rows of the picture that stays behind."""
BAR = 10
"""Columns of the bar that says how much is done."""
NARROW = 100
"""Columns below which a row leaves out model and money."""

_WIDTHS = (20, 12, 13, 8)
"""Columns at least for doing, model, tokens, money: they must not jump from picture to picture."""
_SIGNS = {
    State.QUEUED: ("·", ".", "dim"),
    State.RUNNING: ("●", "*", "bold cyan"),
    State.WAITING: ("◌", "o", "cyan"),
    State.DONE: ("✓", "+", "green"),
    State.FAILED: ("✗", "x", "bold red"),
    State.CANCELLED: ("-", "-", "dim"),
}
_GUIDES = (("│ ", "├ ", "└ "), ("| ", "|-", "`-"))


@dataclass(frozen=True, slots=True)
class Cells:
    """A row in pieces: what is on the left, and the columns on the right."""

    label: Text
    style: str = ""
    """Of what the node does."""
    doing: str | None = None
    """None: a fold or a link, which has the whole line."""
    facts: tuple[str, ...] = ()


class Picture:
    """Draws the state of a run at one moment."""

    def __init__(self, progress: Progress, *, plain: bool = False) -> None:
        """Draw what `progress` knows; `plain` where the terminal knows ASCII only."""
        self.progress = progress
        self.plain = plain

    def drawn(self, now: float, height: int, width: int) -> RenderableType:
        """The picture at `now` seconds of the run, in at most `height` lines."""
        wide = width >= NARROW
        drawn = [self._cells(row, now, wide=wide) for row in rows(self.progress, max(1, height - FOOTER))]
        return Group(*_aligned(drawn, _WIDTHS if wide else _WIDTHS[::2], width), *self._totals(now, wide=wide))

    def _cells(self, row: Row, now: float, *, wide: bool) -> Cells:
        label = Text(self._guide(row.last), "dim", no_wrap=True, overflow="ellipsis")
        node = row.node
        if node is None:
            return Cells(label.append(f"{'...' if self.plain else '…'} {row.folded}", "dim"))
        sign = _SIGNS[node.state]
        label.append(f"{sign[1 if self.plain else 0]} ", sign[2])
        if row.link:
            return Cells(label.append(f"= node {node.id}, shared: {node.label}", "dim"))
        faded = "dim" if node.state in FINAL and node.depth else ""
        label.append(node.label, faded)
        spent = node.spent if node.depth else self.progress.spent
        tokens = count(spent.tokens, "token") if spent.calls else ""  # nothing yet is not worth a word
        if not wide:
            return Cells(label, faded, doing(node, now), (tokens,))
        price = money(spent.nanos, unknown=spent.unknown) if spent.calls else ""
        return Cells(label, faded, doing(node, now), (node.model.rpartition("/")[2][-24:], tokens, price))

    def _guide(self, last: tuple[bool, ...]) -> str:
        through, fork, end = _GUIDES[1 if self.plain else 0]
        if not last:
            return ""
        return "".join("  " if over else through for over in last[:-1]) + (end if last[-1] else fork)

    def _totals(self, now: float, *, wide: bool) -> list[Text]:
        progress, limits = self.progress, self.progress.limits
        states = ", ".join(f"{count(progress.states[state])} {state}" for state in State if progress.states[state])
        nodes = f"{count(len(progress.nodes), 'node')}: {states}" if progress.nodes else "starting"
        first = [duration(now), *self._ahead(now, wide=wide), nodes]
        calls, tokens = progress.flow.per_minute(now)
        spent = progress.spent
        second = [
            f"{_of(spent.calls, limits.calls)} calls" + (f" ({calls:.0f}/min)" if wide else ""),
            f"{_of(spent.tokens, limits.tokens)} tokens" + (f" ({count(round(tokens))}/min)" if wide else ""),
            money(spent.nanos, unknown=spent.unknown) + (f" of ${limits.usd:g}" if limits.usd is not None else ""),
            f"{count(progress.in_flight, 'call')} in flight",
        ]
        if progress.retried:
            second.append(f"{count(progress.retried)} tried again")
        return [self._line(first, "bold"), self._line(second, "")]

    def _ahead(self, now: float, *, wide: bool) -> list[str]:
        """How much of what is known is done, and how long the rest may take."""
        left, share = self.progress.seconds_left(now), self.progress.share
        if left is None or share is None:
            return []
        full, empty = ("#", "-") if self.plain else ("█", "░")
        whole = int(share * BAR)
        bar = f"{full * whole}{empty * (BAR - whole)} " if wide else ""
        return [f"{bar}{share:.0%}", f"about {duration(left)} more"]

    def _line(self, parts: list[str], style: str) -> Text:
        return Text((" | " if self.plain else " · ").join(parts), style, no_wrap=True, overflow="ellipsis")


class Tree:
    """The view for a terminal. A sink."""

    period = 0.25
    live = True
    """It shows how replies grow."""

    def __init__(self, progress: Progress, stream: TextIO, clock: Clock, *, color: bool = True) -> None:
        """Draw `progress` on `stream`; `clock` gives seconds from any beginning."""
        self.progress = progress
        self.console = Console(file=stream, no_color=True if not color else None, highlight=False, markup=False)
        self._picture = Picture(progress, plain=not self.console.encoding.lower().startswith("utf"))
        self._clock = clock
        self._began = clock()
        self._live = Live(
            console=self.console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False, transient=False
        )
        self._open = False

    def __call__(self, event: Event) -> None:
        """Take the next event; drawing it can wait."""
        if self.progress.started is None:
            self._began = self._clock()
        self.progress(event)

    def say(self, line: str) -> None:
        """Print a line above the tree."""
        self.console.print(visible(line))

    def frame(self) -> Callable[[], None] | None:
        """What brings the screen up to date: to be called in a thread, for a terminal may block."""
        return (
            None if self.progress.started is None else partial(self._draw, self._picture_now(self.console.height - 1))
        )

    def close(self) -> None:
        """Leave a last and short picture on the screen."""
        if self.progress.started is not None:
            self._draw(self._picture_now(min(self.console.height - 1, LAST_ROWS + FOOTER)))
            self._open = False
            self._live.stop()

    def abandon(self) -> None:
        """Give the terminal its cursor back, and nothing else: the process is about to end."""
        if self._open:
            self.console.show_cursor()

    def _picture_now(self, height: int) -> RenderableType:
        return self._picture.drawn(self._clock() - self._began, height, self.console.width)

    def _draw(self, picture: RenderableType) -> None:
        if not self._open:
            self._open = True
            self._live.start()
        self._live.update(picture, refresh=True)


def _aligned(drawn: list[Cells], least: tuple[int, ...], width: int) -> list[Text]:
    """The rows as lines, their columns below each other. Rich's own tables take four times as long."""
    columns = [(cells.doing, *cells.facts) for cells in drawn if cells.doing is not None] or [("",) * len(least)]
    widths = [max(floor, *map(len, column)) for floor, column in zip(least, zip(*columns, strict=True), strict=True)]
    room = max(width - sum(widths) - len(widths), 1)
    for cells in drawn:
        line = cells.label
        if cells.doing is None:
            line.truncate(width, overflow="ellipsis")
            continue
        line.truncate(room, overflow="ellipsis", pad=True)
        line.append(f" {cells.doing:>{widths[0]}}", cells.style)
        facts = zip(cells.facts, widths[1:], strict=True)
        line.append("".join(f" {fact:>{wide}}" for fact, wide in facts), "dim")
    return [cells.label for cells in drawn]


def doing(node: Seen, now: float) -> str:
    """What a node does now, or what it waits for, in a few words."""
    if node.state is State.FAILED:
        return node.error.partition(":")[0] or "failed"
    if node.state in FINAL:
        return str(node.state)
    if node.state is State.WAITING:
        return f"waits for {count(len(node.live))} of {count(len(node.children))}"
    if node.asking:
        heard = sum(node.heard.values())
        asks = duration(max(0.0, now - min(node.asking.values())))
        return f"hears {count(heard)} chars" if heard else f"asks {asks}"
    if node.cell is not None:
        return f"runs code {duration(max(0.0, now - node.cell))}"
    return str(node.state)


def _of(spent: int, ceiling: int | None) -> str:
    return count(spent) if ceiling is None else f"{count(spent)} of {count(ceiling)}"
