"""A gathered run as the plain records that the page's script reads: one index, and the texts of each node.

The index is small and is unpacked when the page opens; texts are unpacked when somebody looks at them.
Times are seconds of the run, money is nano-dollars, `null` is unknown. Keys are short because there are
many of them; `assets/data.js` says what each means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import isfinite

from rlm_async.core.context import Context
from rlm_async.core.data import Data, as_text
from rlm_async.core.transcript import Output
from rlm_async.core.usage import Usage
from rlm_async.telemetry.page.critical import critical_path
from rlm_async.telemetry.page.gathering import Call, Cell, Gathered, Seen, Turn
from rlm_async.telemetry.page.labels import label

Sum = tuple[int, int, int, int, int, int]
"""Calls, prompt, completion and cached tokens, known nano-dollars, and how many calls have no known price."""

NONE: Sum = (0, 0, 0, 0, 0, 0)
NAMES = 12
"""Names of documents that are listed."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Cuts a text of more than `longest` characters in the middle; None keeps no text at all, only how long it was."""

    longest: int | None

    def __call__(self, text: str) -> Data:
        """The text, or its head, how many characters are left out, and its tail."""
        if self.longest is None:
            return ["", len(text), ""] if text else ""
        if len(text) <= self.longest:
            return text
        head = self.longest * 3 // 4
        tail = self.longest - head
        return [text[:head], len(text) - self.longest, text[len(text) - tail :]]

    def line(self, text: str) -> str:
        """A short text, or nothing of it but the kind of error that it begins with."""
        if self.longest is not None:
            return text[:500]
        kind, colon, _ = text.partition(":")
        return kind if colon and kind.isidentifier() else ""


def index(run: Gathered, clip: Clip) -> dict[str, Data]:
    """What is needed to draw tree, timeline and totals."""
    own = {node.id: _spent(node) for node in run.nodes.values()}
    below = _subtrees(run, own)
    content = clip.longest is not None
    names = _labels(run.nodes) if content else {number: f"node {number}" for number in run.nodes}
    path = critical_path(run, min(run.nodes, default=0))
    return {
        "run": _run(run, clip),
        "nodes": [
            _entry(node, own[node.id], below[node.id])
            | {"l": names[node.id], "x": clip.line(node.error), "r": clip.line(node.reason)}
            for node in run.nodes.values()
        ],
        "path": [[part.node, _at(part.start), _at(part.end), part.kind] for part in path],
        "content": content,
    }


def body(node: Seen, clip: Clip) -> dict[str, Data]:
    """The texts of one node."""
    query = node.query
    return {
        "prompt": clip(query.prompt),
        "context": _context(query.context, clip),
        "schema": None if query.schema is None else clip(query.schema),
        "history": [[clip(asked), clip(answered)] for asked, answered in query.history],
        "layers": list(node.layers),
        "asked": [[child, shared] for child, shared in node.asked],
        "turns": [_turn(turn, clip) for turn in node.turns],
        "answer": None if node.answer is None else clip(node.answer.text),
        "marks": [[_at(at), clip.line(said) or said.partition(":")[0]] for at, said in node.marks],
    }


def texts(run: Gathered) -> Iterable[str]:
    """Every text that may be long, so that a page can be kept from growing without bound."""
    for node in run.nodes.values():
        yield node.query.prompt
        yield from (node.answer.text,) if node.answer is not None else ()
        yield from (text for pair in node.query.history for text in pair)
        yield from (call.reply.text for call in node.calls if call.reply is not None)
        for cell in node.cells:
            yield cell.code
            yield from (cell.output.stdout,) if cell.output is not None else ()


def _run(run: Gathered, clip: Clip) -> dict[str, Data]:
    started, ended = run.started, run.ended
    found: dict[str, Data] = {"name": "", "end": _at(run.end), "ended": ended is not None}
    if started is not None:
        ceilings = {item.name: getattr(started.limits, item.name) for item in fields(started.limits)}
        found |= {
            "name": started.run,
            "started": started.started,
            "question": clip(started.query.prompt),
            "model": started.query.model,
            "context": _context(started.query.context, clip),
            "limits": {name: value for name, value in ceilings.items() if value is not None and isfinite(value)},
        }
    if ended is not None:
        found |= {
            "name": ended.run,
            "status": ended.status,
            "answer": clip(ended.text),
            "error": clip(ended.error),
            "usage": list(_sum(ended.usage)),
        }
    return found


def _entry(node: Seen, own: Sum, below: Sum) -> dict[str, Data]:
    return {
        "i": node.id,
        "d": node.depth,
        "s": str(node.state),
        "m": node.query.model,
        "g": node.strategy,
        "p": list(node.parents),
        "c": list(node.children),
        "q": _at(node.at),
        "e": None if node.end is None else _at(node.end),
        "w": [[_at(start), _at(end)] for start, end in node.waits],
        "a": [_timed(call) for call in node.calls],
        "k": [[_at(cell.at), None if cell.end is None else _at(cell.end), _failed(cell)] for cell in node.cells],
        "u": list(own),
        "t": list(below),
        "z": "" if node.answer is None else node.answer.status,
    }


def _timed(call: Call) -> list[Data]:
    asked, reply = call.asked, call.reply
    if reply is None:
        return [_at(asked.at), None, 0, False, False]
    return [_at(asked.at), _at(reply.at), _at(reply.waited), bool(reply.error), reply.cached]


def _turn(turn: Turn, clip: Clip) -> dict[str, Data]:
    return {
        "call": None if turn.call is None else _call(turn.call, clip),
        "cells": [_cell(cell, clip) for cell in turn.cells],
    }


def _call(call: Call, clip: Clip) -> dict[str, Data]:
    asked, reply = call.asked, call.reply
    found: dict[str, Data] = {"at": _at(asked.at), "model": asked.model, "prompt": asked.prompt_characters}
    if reply is None:
        return found
    return found | {
        "end": _at(reply.at),
        "model": reply.model,
        "text": clip(reply.text),
        "waited": _at(reply.waited),
        "seconds": _at(reply.seconds),
        "attempts": reply.attempts,
        "retries": [[retry.error, _at(retry.at), _at(retry.pause)] for retry in reply.retries],
        "cached": reply.cached,
        "error": clip(reply.error),
        "usage": list(_sum(reply.usage)),
    }


def _cell(cell: Cell, clip: Clip) -> dict[str, Data]:
    return {
        "at": _at(cell.at),
        "end": None if cell.end is None else _at(cell.end),
        "code": clip(cell.code),
        "asked": [[child, shared] for child, shared in cell.asked],
        "output": None if cell.output is None else _output(cell.output, clip),
    }


def _output(output: Output, clip: Clip) -> dict[str, Data]:
    return {
        "stdout": clip(output.stdout),
        "characters": output.stdout_characters,
        "outcome": output.outcome,
        "error": None if output.error is None else clip(str(output.error)),
        "answer": None if output.answer is None else clip(as_text(output.answer.value)),
        "draft": None if output.draft is None else clip(as_text(output.draft.value)),
        "lost": clip.line(output.lost),
        "cpu": _at(output.cpu_seconds),
    }


def _context(context: Context, clip: Clip) -> dict[str, Data]:
    """What it is, not what it says: a page is not the place for a hundred megabytes."""
    names = [clip.line(document.name) for document in context.documents[:NAMES] if clip.longest is not None]
    documents = 0 if context.characters == 0 else len(context.documents)
    return {"shape": context.shape, "documents": documents, "characters": context.characters, "names": list(names)}


def _failed(cell: Cell) -> bool:
    return cell.output is not None and cell.output.outcome != "ok"


def _labels(nodes: Mapping[int, Seen]) -> dict[int, str]:
    """A label for each node; siblings of one pattern are called by what tells them apart."""
    elder: dict[int, list[str]] = {}
    for node in nodes.values():
        if node.parents:
            first = elder.setdefault(node.parents[0], [])
            if len(first) < 2:  # noqa: PLR2004 - the first is compared with the second, all others with the first
                first.append(node.query.prompt)
    found = {}
    for node in nodes.values():
        others = elder[node.parents[0]] if node.parents else []
        sibling = next((prompt for prompt in others if prompt != node.query.prompt), None)
        found[node.id] = label(node.query.prompt, sibling)
    return found


def _spent(node: Seen) -> Sum:
    asked = [call.reply.usage for call in node.calls if call.reply is not None]
    return _total(_sum(usage) for usage in (*asked, *node.wasted))


def _subtrees(run: Gathered, own: Mapping[int, Sum]) -> dict[int, Sum]:
    """Each node's cost with all that is drawn below it: what is shared counts once, below its first asker."""
    found = dict(own)
    for node in sorted(run.nodes.values(), key=lambda node: node.id, reverse=True):
        if node.parents and node.parents[0] < node.id:
            above = node.parents[0]
            found[above] = _total((found[above], found[node.id]))
    return found


def _sum(cost: Usage) -> Sum:
    tokens = (cost.prompt_tokens, cost.completion_tokens, cost.cached_tokens)
    return (cost.calls, *tokens, cost.nanos or 0, int(cost.nanos is None))


def _total(sums: Iterable[Sum]) -> Sum:
    calls, prompt, completion, cached, nanos, unknown = NONE
    for each in sums:
        calls, prompt, completion = calls + each[0], prompt + each[1], completion + each[2]
        cached, nanos, unknown = cached + each[3], nanos + each[4], unknown + each[5]
    return calls, prompt, completion, cached, nanos, unknown


def _at(seconds: float) -> float:
    """Microseconds are enough."""
    return round(seconds, 6)


def fitting(lengths: Sequence[int], longest: int, allowance: int) -> int:
    """The largest cut up to `longest` with which texts of these lengths stay within `allowance` characters."""
    if sum(min(length, longest) for length in lengths) <= allowance:
        return longest
    low, high = 200, longest - 1
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(length, middle) for length in lengths) <= allowance:
            low = middle
        else:
            high = middle - 1
    return low
