"""Requests as they come over the wire, of both interfaces, made into one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from rlm_async.core.context import Document
from rlm_async.serve.attachments import attachment
from rlm_async.serve.faults import Fault
from rlm_async.serve.messages import Posed, Said, posed


class _File(msgspec.Struct):
    file_data: str | None = None
    filename: str | None = None


class _Part(msgspec.Struct):
    type: str = "text"
    text: str | None = None
    file: _File | None = None
    file_data: str | None = None
    filename: str | None = None


class _Message(msgspec.Struct):
    role: str = "user"
    content: str | list[_Part] | None = None
    type: str = "message"


class _Schema(msgspec.Struct):
    schema: dict[str, object] | None = None


class _Format(msgspec.Struct):
    type: str = "text"
    json_schema: _Schema | None = None
    schema: dict[str, object] | None = None


class _Options(msgspec.Struct):
    include_usage: bool = False


class _Own(msgspec.Struct):
    """What only this server knows, under `rlm` in the body."""

    limits: dict[str, float | None] = {}


class _Text(msgspec.Struct):
    format: _Format | None = None


class Chat(msgspec.Struct):
    """A body of `/v1/chat/completions`; what has no meaning here is not named, and so passed over."""

    model: str
    messages: list[_Message]
    stream: bool = False
    stream_options: _Options | None = None
    response_format: _Format | None = None
    n: int | None = 1
    tools: list[object] | None = None
    functions: list[object] | None = None
    logprobs: bool | None = None
    audio: object = None
    rlm: _Own = msgspec.field(default_factory=_Own)


class Responses(msgspec.Struct):
    """A body of `/v1/responses`."""

    model: str
    input: str | list[_Message]
    instructions: str | None = None
    stream: bool = False
    text: _Text | None = None
    tools: list[object] | None = None
    previous_response_id: str | None = None
    conversation: object = None
    background: bool | None = None
    rlm: _Own = msgspec.field(default_factory=_Own)


Body = TypeVar("Body", Chat, Responses)
TOOLS = "tools of the client cannot be called from here: leave them out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request, whichever way it came."""

    model: str
    posed: Posed
    stream: bool = False
    usage: bool = True
    """Whether a stream ends with a chunk that says what it cost."""
    schema: Mapping[str, object] | None = None
    limits: Mapping[str, float | None] = field(default_factory=dict)


def chat(raw: bytes) -> Wanted:
    """A request for a chat completion; raises Fault. Reads attachments from disk: call it in a thread."""
    body = _decoded(raw, Chat)
    _refuse("n", body.n not in {None, 1}, "one answer at a time: leave out n, or ask again")
    _refuse(
        "tools", bool(body.tools or body.functions), "tools of the client cannot be called from here: leave them out"
    )
    _refuse("logprobs", bool(body.logprobs), "an answer of many model calls has no log probabilities")
    _refuse("audio", body.audio is not None, "only text is answered")
    return Wanted(
        model=body.model,
        posed=posed([_said(message, "messages") for message in body.messages]),
        stream=body.stream,
        usage=body.stream_options is not None and body.stream_options.include_usage,
        schema=_schema(body.response_format, "response_format"),
        limits=body.rlm.limits,
    )


def responses(raw: bytes) -> Wanted:
    """A request for a response; raises Fault. Reads attachments from disk: call it in a thread."""
    body = _decoded(raw, Responses)
    _refuse("tools", bool(body.tools), TOOLS)
    kept = body.previous_response_id is not None or body.conversation is not None
    _refuse("previous_response_id", kept, "nothing is kept here between requests: send the whole conversation as input")
    _refuse("background", bool(body.background), "background responses are not kept here: use stream")
    _refuse(
        "input", not isinstance(body.input, str) and _calls(body.input), "tool calls and items cannot be taken up here"
    )
    said = [_Message(content=body.input)] if isinstance(body.input, str) else body.input
    conversation = [_said(message, "input") for message in said]
    if body.instructions:
        conversation.insert(0, Said("system", (body.instructions,)))
    return Wanted(
        model=body.model,
        posed=posed(conversation),
        stream=body.stream,
        schema=_schema(None if body.text is None else body.text.format, "text.format"),
        limits=body.rlm.limits,
    )


def _decoded(raw: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at ")
        param = place.strip("`").removeprefix("$").strip(".") or None
        raise Fault(400, f"{said}{f', at {param}' if param else ''}", param=param) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Fault(400, f"the body is not JSON: {error}") from error


def _calls(items: Sequence[_Message]) -> bool:
    return any(item.type != "message" for item in items)


def _refuse(param: str, wrong: bool, why: str) -> None:  # noqa: FBT001 - the one question it is about
    if wrong:
        raise Fault(400, f"{param}: {why}", code="unsupported_parameter", param=param)


def _said(message: _Message, param: str) -> Said:
    if message.content is None:
        return Said(message.role)
    if isinstance(message.content, str):
        return Said(message.role, (message.content,))
    texts: list[str] = []
    files: list[Document] = []
    for part in message.content:
        match part.type:
            case "text" | "input_text" | "output_text" | "refusal":
                texts.append(part.text or "")
            case "file" | "input_file":
                files.append(_attached(part, param))
            case _:
                raise Fault(
                    400, f"{param}: a part of type {part.type} cannot be read here, text and file can", param=param
                )
    return Said(message.role, tuple(texts), tuple(files))


def _attached(part: _Part, param: str) -> Document:
    inner = part.file or _File(part.file_data, part.filename)
    if inner.file_data is None:
        raise Fault(400, f"{param}: a file comes as file_data (base64); ids and addresses are not fetched", param=param)
    return attachment(inner.file_data, inner.filename)


def _schema(wanted: _Format | None, param: str) -> Mapping[str, object] | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {"type": "object"}
    inner = wanted.json_schema.schema if wanted.json_schema is not None else wanted.schema
    if wanted.type != "json_schema" or inner is None:
        raise Fault(400, f"{param}: text, json_object, or json_schema with a schema", param=param)
    return inner
