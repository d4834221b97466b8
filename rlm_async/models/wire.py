"""The OpenAI chat format: what is sent, what comes back, and the dialects servers speak."""

from __future__ import annotations

import re

import msgspec

from rlm_async.core.data import Data
from rlm_async.core.messages import Request
from rlm_async.core.usage import Usage

PREFIXES = ("openai/", "hosted_vllm/")
"""What litellm wants before the name of a model on an OpenAI-compatible server; the server does not know it."""
_WINDOW = re.compile(r"(?i)maximum context length (?:is|of) (\d+)")
_PROMPT = re.compile(
    r"(?i)(\d+) (?:tokens )?(?:in|from|of) (?:the|your) (?:input|messages|prompt)|prompt contains.{0,20}?(\d+)"
)


class Details(msgspec.Struct):
    """Of the prompt's tokens, those read from the provider's cache."""

    cached_tokens: int | None = None


class Counts(msgspec.Struct):
    """Tokens as the provider counted them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None

    def usage(self) -> Usage:
        """As a usage of one call; money is unknown here."""
        details = self.prompt_tokens_details
        return Usage(
            calls=1,
            prompt_tokens=self.prompt_tokens or 0,
            completion_tokens=self.completion_tokens or 0,
            cached_tokens=(details.cached_tokens or 0) if details else 0,
            nanos=None,
        )


class Part(msgspec.Struct):
    """A piece of a reply that came in pieces of several kinds."""

    text: str | None = None


class Said(msgspec.Struct):
    """A message, or in a stream the next piece of one."""

    content: str | list[Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None

    @property
    def text(self) -> str:
        """The words, without reasoning."""
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""

    @property
    def thought(self) -> str:
        """The reasoning, where the server shows it."""
        return self.reasoning_content or self.reasoning or ""


class Choice(msgspec.Struct):
    """One of the replies; we ask for one."""

    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None


class Fault(msgspec.Struct):
    """A server's account of what went wrong."""

    message: str = ""
    code: str | int | None = None
    type: str | None = None

    @property
    def text(self) -> str:
        """Message, code and type, each once: `failure` looks for words in it."""
        extra = [str(part) for part in (self.code, self.type) if part and str(part) not in self.message]
        return f"{self.message} ({', '.join(extra)})" if extra else self.message


class Body(msgspec.Struct):
    """A reply, or a chunk of a stream."""

    choices: list[Choice] = []
    model: str | None = None
    usage: Counts | None = None
    error: Fault | str | None = None


class Card(msgspec.Struct):
    """A model in a server's list; vLLM says its window as `max_model_len`."""

    id: str = ""
    max_model_len: int | None = None


class Cards(msgspec.Struct):
    """A server's list of models."""

    data: list[Card] = []


class Complaint(msgspec.Struct):
    """An error body, in any of the shapes that servers use."""

    error: Fault | str | None = None
    message: str = ""
    detail: str | list[msgspec.Raw] = ""

    @property
    def text(self) -> str:
        """What it says."""
        if isinstance(self.error, Fault):
            return self.error.text
        if isinstance(self.detail, list):
            return "; ".join(bytes(item).decode() for item in self.detail)
        return self.error or self.message or self.detail


def fault_text(raw: bytes) -> str:
    """What an error body says; the start of the text where it is no JSON, nothing where it is a web page."""
    try:
        return msgspec.json.decode(raw, type=Complaint).text
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = raw[:500].decode("utf-8", "replace")
        return "" if text.lstrip().startswith("<") else text


class Dialect:
    """How one server wants to be asked: learned from its refusals, so that each is met once."""

    def __init__(self, limit: str = "max_tokens") -> None:
        """Begin with the common form; `limit` is the field for the completion bound."""
        self.limit = limit
        self.stream_options = True

    def body(self, request: Request, model: str, *, stream: bool) -> dict[str, Data]:
        """The request as JSON-like data."""
        body: dict[str, Data] = {
            "model": model,
            "messages": [{"role": message.role, "content": message.text} for message in request.messages],
        }
        if request.max_tokens is not None:
            body[self.limit] = request.max_tokens
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.schema is not None:
            body["response_format"] = response_format(request.schema)
        if stream:
            body["stream"] = True
            if self.stream_options:
                body["stream_options"] = {"include_usage": True}
        return body

    def adapt(self, body: dict[str, Data], complaint: str) -> bool:
        """Change `body` by what the server complained about; False where there is nothing to change."""
        if self.limit in body and self.limit == "max_tokens" and "max_completion_tokens" in complaint:
            self.limit = "max_completion_tokens"
            body[self.limit] = body.pop("max_tokens")
            return True
        if "stream_options" in body and "stream_options" in complaint:
            self.stream_options = False
            del body["stream_options"]
            return True
        room = _room(complaint)
        bound = body.get(self.limit)
        if room is not None and isinstance(bound, int) and 0 < room < bound:
            body[self.limit] = room
            return True
        return False


def response_format(schema: str) -> dict[str, Data]:
    """A JSON Schema, as canonical text, in the form that providers take."""
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": msgspec.json.decode(schema), "strict": True},
    }


def bare_name(model: str) -> str:
    """The name as the server knows it."""
    for prefix in PREFIXES:
        if model.startswith(prefix):
            return model.removeprefix(prefix)
    return model


def encode(body: dict[str, Data]) -> bytes:
    """The body as JSON; halves of surrogate pairs, which no server takes, become question marks."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return msgspec.json.encode(_clean(body))


def _clean(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _room(complaint: str) -> int | None:
    """Completion tokens that would fit, where a server says how long its window and the prompt are (vLLM does)."""
    window, prompt = _WINDOW.search(complaint), _PROMPT.search(complaint)
    if window is None or prompt is None:
        return None
    return int(window[1]) - int(prompt[1] or prompt[2])
