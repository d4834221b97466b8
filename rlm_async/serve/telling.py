"""What an agent is told of contexts, runs and nodes: plain data, short enough for a prompt."""

from __future__ import annotations

from rlm_async.core import events
from rlm_async.core.context import Context
from rlm_async.core.data import Data
from rlm_async.serve.desk import Asked

NAMES, NODES, TEXT = 20, 200, 2_000
"""Documents that are named, nodes that are listed, characters of one text."""


def of_context(name: str, context: Context) -> dict[str, Data]:
    """What it is, never what it says."""
    documents = context.documents
    found: dict[str, Data] = {
        "context": name,
        "documents": len(documents),
        "characters": context.characters,
        "names": [document.name for document in documents[:NAMES]],
    }
    if context.notes:
        found["notes"] = list(context.notes[:NAMES])
    return found


def of_run(asked: Asked) -> dict[str, Data]:
    """How far it is."""
    watch = asked.watch
    return {
        "run": asked.id,
        "status": asked.status,
        "question": clipped(asked.question.text, 200),
        "progress": watch.line,
        "seconds": round(watch.seconds, 3),
    }


def of_end(asked: Asked) -> dict[str, Data]:
    """The answer, or what stood in its way; how far it is where there is neither yet."""
    if asked.answer is None:
        return of_run(asked) | ({"error": str(asked.error)} if asked.error is not None else {})
    answer = asked.answer
    usage = answer.usage
    found: dict[str, Data] = {
        "run": asked.id,
        "status": answer.status,
        "text": answer.text,
        "usage": {
            "calls": usage.calls,
            "tokens": usage.tokens,
            "usd": usage.usd,
            "seconds": round(usage.seconds, 3),
        },
    }
    if asked.question.schema is not None:
        found["data"] = answer.data
    if answer.limit:
        found["limit"] = answer.limit
    if asked.question.cite:
        found["citations"] = [
            {"document": each.document, "start": each.start, "end": each.end, "quote": each.quote}
            for each in answer.citations
        ]
    return found


def of_nodes(asked: Asked) -> dict[str, Data]:
    """A run and its nodes, a line each."""
    lines: dict[int, list[str]] = {}
    states: dict[int, str] = {}
    for event in asked.watch.trace:
        if isinstance(event, events.NodeAdded) and not event.shared:
            above = "the root" if event.parent is None else f"asked by {event.parent}"
            lines[event.node] = [f"node {event.node}, {above}", clipped(event.query.prompt, 100)]
        elif isinstance(event, events.NodeMoved):
            states[event.node] = f"{event.state}{f' ({clipped(event.error, 200)})' if event.error else ''}"
    listed: list[Data] = [
        f"{words[0]}, {states.get(node, 'queued')}: {words[1]}" for node, words in list(lines.items())[:NODES]
    ]
    left_out = max(0, len(lines) - NODES)
    return of_run(asked) | {"nodes": listed, "left_out": left_out}


def of_node(asked: Asked, node: int) -> list[Data]:
    """What one node said, ran and saw, in order."""
    told: list[Data] = []
    for event in asked.watch.trace:
        if getattr(event, "node", None) != node:
            continue
        match event:
            case events.NodeAdded() if not event.shared:
                told.append({"asked": clipped(event.query.prompt, TEXT), "model": event.query.model})
            case events.ModelReplied():
                told.append({"reply": clipped(event.text or event.error, TEXT), "tokens": event.usage.tokens})
            case events.CellEnded():
                output = event.output
                said = clipped(output.stdout, TEXT)
                told.append({"output": said} | ({"error": str(output.error)} if output.error is not None else {}))
            case events.NodeAnswered():
                told.append({"answer": clipped(event.text, TEXT), "status": event.status})
            case events.LimitHit():
                told.append({"limit": event.resource})
    return told


def clipped(text: str, longest: int) -> str:
    """Head and tail of a long text."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} […{len(text) - 2 * half:,} characters…] {text[-half:]}"
