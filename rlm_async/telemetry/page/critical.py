"""The critical path of a run: the chain of stretches that its length is made of.

Walked backwards from the end of the root. Where a node waited, the child that came last is the one it
waited for, so the path goes on in that child; where it did not wait, the node itself was at work. The
stretches lie end to end from the beginning of the root to its end. (Critical path of an activity network:
Kelley and Walker, 1959; on traces of calls as in Zhang et al., CRISP, USENIX ATC 2022.)
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

from rlm_async.telemetry.page.gathering import Gathered, Seen

Kind = Literal["queue", "model", "code", "wait", "worker", "else"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A node at work from `start` to `end`, in seconds of the run."""

    node: int
    start: float
    end: float
    kind: Kind


def critical_path(run: Gathered, root: int = 0) -> list[Stretch]:
    """The stretches in order of time; empty where there is no such node."""
    path: list[Stretch] = []
    if root not in run.nodes:
        return path
    walk = _Walk(run)
    first = run.nodes[root]
    todo = [(first, first.at, walk.end(first))]
    while todo:
        node, floor, upto = todo.pop()
        if upto > floor:
            todo.extend(walk.step(node, floor, upto, path))
    path.reverse()
    return path


class _Walk:
    """Goes back in time through one run, a step at a time."""

    def __init__(self, run: Gathered) -> None:
        self._run = run
        self._by_end: dict[int, tuple[list[float], list[Seen]]] = {}

    def end(self, node: Seen) -> float:
        return self._run.end if node.end is None else node.end

    def step(self, node: Seen, floor: float, upto: float, path: list[Stretch]) -> list[tuple[Seen, float, float]]:
        """Tell what `node` did last before `upto`, and what is to be walked next (the last one first)."""
        wait = next((wait for wait in reversed(node.waits) if wait[0] < upto), None)
        if wait is None or wait[1] <= floor:
            path.extend(reversed(_own(node, floor, upto)))
            return []
        if wait[1] < upto:
            path.extend(reversed(_own(node, wait[1], upto)))
            upto = wait[1]
        low = max(wait[0], floor)
        if low >= upto:
            return [(node, floor, upto)]
        child = self._awaited(node, low, upto)
        if child is None:
            path.append(Stretch(node.id, low, upto, "wait"))
            return [(node, floor, low)]
        start, top = max(child.at, low), min(self.end(child), upto)
        if top < upto:
            path.extend(reversed(_own(node, top, upto)))
        return [(node, floor, start), (child, start, top)]

    def _awaited(self, node: Seen, low: float, upto: float) -> Seen | None:
        """The child that came last between `low` and `upto`; else the oldest that was under way then."""
        ends, children = self._children(node)
        for position in range(bisect_right(ends, upto) - 1, -1, -1):
            if ends[position] <= low:
                break
            if children[position].at < upto:
                return children[position]
        later = [child for child in children[bisect_right(ends, upto) :] if child.at < upto]
        return min(later, key=lambda child: child.at, default=None)

    def _children(self, node: Seen) -> tuple[list[float], list[Seen]]:
        if node.id not in self._by_end:
            nodes = [self._run.nodes[child] for child in node.children]
            nodes.sort(key=self.end)
            self._by_end[node.id] = ([self.end(child) for child in nodes], nodes)
        return self._by_end[node.id]


def _own(node: Seen, start: float, end: float) -> list[Stretch]:
    """What a node that did not wait did from `start` to `end`."""
    parts: list[tuple[float, float, Kind]] = []
    for call in node.calls:
        asked, reply = call.asked.at, call.reply
        replied = end if reply is None else reply.at
        sent = min(replied, asked + (0.0 if reply is None else reply.waited))
        parts += [(asked, sent, "queue"), (sent, replied, "model")]
    parts += [(cell.at, end if cell.end is None else cell.end, "code") for cell in node.cells]
    if node.opened is not None:  # what went before is the last reply
        before = (call.reply.at for call in node.calls if call.reply is not None and call.reply.at <= node.opened)
        parts.append((max(before, default=node.at), node.opened, "worker"))
    parts.sort()
    told: list[Stretch] = []
    at = start
    for begun, over, kind in parts:
        low, high = max(begun, at), min(over, end)
        if high <= low:
            continue
        if low > at:
            told.append(Stretch(node.id, at, low, "else"))
        told.append(Stretch(node.id, low, high, kind))
        at = high
    if end > at:
        told.append(Stretch(node.id, at, end, "else"))
    return told
