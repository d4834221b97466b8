"""Which nodes of a run get a row on the screen, and how the rest is folded into one row each.

What is at work comes first, then what failed, then a little of what waits for its turn and of what was
done last. Choosing costs as much as there are rows, however many nodes there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from rlm_async.cli.amounts import count
from rlm_async.cli.progress import Progress, Seen
from rlm_async.core.graph import State

MOST = 200
"""Rows at most: drawing more takes longer than anyone looks (2,000 rows: 196 ms a frame, measured)."""
FAILED, QUEUED, ENDED = 3, 2, 3
"""Children shown at most that failed, that have not begun, and that have ended, while others are at work."""
OPEN = 3
"""Rows that a node with children wants: itself, a child, and the fold of the others."""
ROOT = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a node; a link to a node that is drawn elsewhere; or the fold of those not shown."""

    last: tuple[bool, ...]
    """For each level above and itself, whether it is the last of its siblings."""
    node: Seen | None = None
    link: bool = False
    folded: str = ""


def rows(progress: Progress, height: int) -> list[Row]:
    """At most `height` rows of the run's tree, root first."""
    if ROOT not in progress.nodes or height < 1:
        return []
    root = progress.nodes[ROOT]
    return [Row((), root), *_below(progress, root, (), min(height, MOST) - 1)]


def _below(progress: Progress, node: Seen, last: tuple[bool, ...], room: int) -> list[Row]:
    """The rows below `node`: some of its children, each with rows of its own, and a fold."""
    if room < 1 or not node.children:
        return []
    shown = _chosen(progress, node, room)
    hidden = len(node.children) - len(shown)
    places = {child.id: (*last, not hidden and child is shown[-1]) for child in shown}
    spare = room - len(shown) - (hidden > 0)
    blocks: dict[int, list[Row]] = {}
    alive = [child for child in shown if _opens(child, node)]
    for number, child in enumerate(alive):
        blocks[child.id] = _below(progress, child, places[child.id], -(-spare // (len(alive) - number)))
        spare -= len(blocks[child.id])
    for child in shown:
        if child.id not in blocks and child.parents[0] == node.id and 0 < len(child.children) <= spare:
            blocks[child.id] = _below(progress, child, places[child.id], spare)
            spare -= len(blocks[child.id])
    found: list[Row] = []
    for child in shown:
        found.append(Row(places[child.id], child, child.parents[0] != node.id))
        found.extend(blocks.get(child.id, ()))
    return [*found, Row((*last, True), folded=_fold(node, shown))] if hidden else found


def _chosen(progress: Progress, node: Seen, room: int) -> list[Seen]:
    """The children that get a row, in the order of their ids; one row is left for the fold."""
    if len(node.children) > room:
        room -= 1
    chosen: dict[int, Seen] = {}
    cost = 0
    for number in islice(node.busy, room):
        child = progress.nodes[number]
        cost += OPEN if _opens(child, node) else 1
        if cost > room and chosen:
            break
        chosen[number] = child
    ended = ENDED if cost > len(chosen) else room  # rows below those at work are worth more than what is over
    queued = [number for number in islice(node.live, room) if number not in node.busy][:QUEUED]
    over = [number for number in reversed(node.children[-room:]) if number not in node.live][:ended]
    for number in (*node.failed[-FAILED:], *queued, *over):
        if len(chosen) >= room or cost >= room:
            break
        if number not in chosen:
            chosen[number] = progress.nodes[number]
            cost += 1
    return [chosen[number] for number in sorted(chosen)][:room]


def _opens(child: Seen, parent: Seen) -> bool:
    """Whether rows below a child are worth having: it is this parent's, it has children and has not ended."""
    return bool(child.live) and child.parents[0] == parent.id


def _fold(node: Seen, shown: list[Seen]) -> str:
    hidden = node.states.copy()
    for child in shown:
        hidden[child.state] -= 1
    return ", ".join(f"{count(hidden[state])} {state}" for state in State if hidden[state] > 0)
