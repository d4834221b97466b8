"""Answers in the shapes of the two interfaces: whole objects, and the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rlm_async.core.answer import Answer
from rlm_async.core.data import Data

PIECE = 400
"""Characters of an answer in one chunk of a stream."""

Chunk = tuple[str | None, dict[str, Data]]
"""The name of an event, where it has one, and its data."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What an answer is called: the end of its id, the model as the client named it, seconds since the epoch."""

    id: str
    model: str
    created: int


def completion(answer: Answer, name: Naming) -> dict[str, Data]:
    """A chat completion."""
    message: dict[str, Data] = {"role": "assistant", "content": answer.text, "refusal": None}
    choice: dict[str, Data] = {
        "index": 0,
        "message": message,
        "finish_reason": _finish(answer),
        "logprobs": None,
    }
    return _completion(name, "chat.completion", [choice]) | {"usage": _chat_usage(answer), "rlm": _own(answer)}


def chat_opening(name: Naming) -> dict[str, Data]:
    """The first chunk of a streamed chat completion."""
    return _chunk(name, {"role": "assistant", "content": ""})


def chat_chunks(answer: Answer, name: Naming, *, usage: bool) -> Iterator[dict[str, Data]]:
    """The chunks after the first, once there is an answer."""
    for piece in pieces(answer.text):
        yield _chunk(name, {"content": piece})
    yield _chunk(name, {}, _finish(answer)) | {"rlm": _own(answer)}
    if usage:
        yield _completion(name, "chat.completion.chunk", []) | {"usage": _chat_usage(answer)}


def response(answer: Answer | None, name: Naming) -> dict[str, Data]:
    """A response; without an answer, one that is in progress."""
    found: dict[str, Data] = {
        "id": f"resp_{name.id}",
        "object": "response",
        "created_at": name.created,
        "model": name.model,
        "status": "in_progress" if answer is None else _status(answer),
        "output": [] if answer is None else [_item(name, answer.text, _status(answer))],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": False,
        "previous_response_id": None,
        "store": False,
        "temperature": None,
        "tool_choice": "none",
        "tools": [],
        "top_p": None,
        "usage": None if answer is None else _response_usage(answer),
    }
    if answer is not None:
        found["rlm"] = _own(answer)
        if answer.status == "partial":
            found["incomplete_details"] = {"reason": "max_output_tokens"}
    return found


def response_opening(name: Naming) -> list[Chunk]:
    """The first events of a streamed response."""
    begun = response(None, name)
    return [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
    ]


def response_chunks(answer: Answer, name: Naming) -> Iterator[Chunk]:
    """The events after those, once there is an answer."""
    whole = response(answer, name)
    place: dict[str, Data] = {"item_id": f"msg_{name.id}", "output_index": 0, "content_index": 0}
    part: dict[str, Data] = {"type": "output_text", "text": answer.text, "annotations": []}
    yield "response.output_item.added", {"output_index": 0, "item": _item(name, None, "in_progress")}
    yield "response.content_part.added", {**place, "part": {**part, "text": ""}}
    for piece in pieces(answer.text):
        yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**place, "text": answer.text, "logprobs": []}
    yield "response.content_part.done", {**place, "part": part}
    yield "response.output_item.done", {"output_index": 0, "item": _item(name, answer.text, _status(answer))}
    end = "response.incomplete" if answer.status == "partial" else "response.completed"
    yield end, {"response": whole}


def response_failed(name: Naming, code: str, message: str) -> Chunk:
    """The last event of a response that failed."""
    failed = response(None, name) | {"status": "failed", "error": {"code": code, "message": message}}
    return "response.failed", {"response": failed}


def pieces(text: str) -> Iterator[str]:
    """A text in the pieces in which it is streamed."""
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]


def _chunk(name: Naming, delta: dict[str, Data], finish: str | None = None) -> dict[str, Data]:
    choice: dict[str, Data] = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return _completion(name, "chat.completion.chunk", [choice])


def _completion(name: Naming, kind: str, choices: list[Data]) -> dict[str, Data]:
    return {
        "id": f"chatcmpl-{name.id}",
        "object": kind,
        "created": name.created,
        "model": name.model,
        "choices": choices,
    }


def _item(name: Naming, text: str | None, status: str) -> dict[str, Data]:
    content: list[Data] = [] if text is None else [{"type": "output_text", "text": text, "annotations": []}]
    return {"id": f"msg_{name.id}", "type": "message", "role": "assistant", "status": status, "content": content}


def _finish(answer: Answer) -> str:
    return "length" if answer.status == "partial" else "stop"


def _status(answer: Answer) -> str:
    return "incomplete" if answer.status == "partial" else "completed"


def _chat_usage(answer: Answer) -> dict[str, Data]:
    """Of the whole run: every call at every depth, shared nodes once."""
    total = answer.usage.total
    return {
        "prompt_tokens": total.prompt_tokens,
        "completion_tokens": total.completion_tokens,
        "total_tokens": total.tokens,
        "prompt_tokens_details": {"cached_tokens": total.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _response_usage(answer: Answer) -> dict[str, Data]:
    total = answer.usage.total
    return {
        "input_tokens": total.prompt_tokens,
        "input_tokens_details": {"cached_tokens": total.cached_tokens},
        "output_tokens": total.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": total.tokens,
    }


def _own(answer: Answer) -> dict[str, Data]:
    """What the provider's shape has no place for."""
    usage = answer.usage
    return {
        "run": answer.run,
        "status": answer.status,
        "limit": answer.limit,
        "calls": usage.calls,
        "usd": usage.usd,
        "seconds": round(usage.seconds, 3),
    }
