"""Replies of OpenAI-compatible servers, whole or as a stream, as completions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec

from rlm_async.core.messages import Completion, Request
from rlm_async.core.usage import Usage
from rlm_async.errors import ModelError, ModelRejected, ModelUnavailable
from rlm_async.models.failures import Answerer, failure
from rlm_async.models.wire import Body, Choice, Fault

Listener = Callable[[Request, str], None]
"""Told each piece of a streamed reply; must not block and must not raise."""

_LONG_TOKEN = 20
_SLACK = 1_000
"""A reply is cut at more pieces than `max_tokens`, or at more characters than so many of the longest tokens."""


class Heard:
    """What has come of a reply so far."""

    def __init__(self, request: Request, listener: Listener | None = None) -> None:
        """Nothing has come yet."""
        self.request = request
        self.pieces = 0
        self.finish: str | None = None
        self.usage: Usage | None = None
        self.model = ""
        self._listener = listener
        self._texts: list[str] = []
        self._characters = 0

    @property
    def runaway(self) -> bool:
        """Whether the server goes on past the bound it was told."""
        most = self.request.max_tokens
        return most is not None and (self.pieces > most or self._characters > _LONG_TOKEN * most + _SLACK)

    def take(self, body: Body) -> None:
        """Add a chunk."""
        if body.usage is not None:
            self.usage = body.usage.usage()
        self.model = body.model or self.model
        for choice in body.choices[:1]:
            self.finish = choice.finish_reason or self.finish
            if choice.delta is not None:
                self._add(choice.delta.text, choice.delta.thought)

    def completion(self, finish: str | None) -> Completion:
        """The reply as far as it came. Where the server has not counted, each piece is a token."""
        usage = self.usage or Usage(calls=1, completion_tokens=self.pieces, nanos=None)
        return Completion(
            text="".join(self._texts),
            usage=usage,
            model=self.model or self.request.model,
            finish="length" if finish == "length" else "stop",
        )

    def _add(self, text: str, thought: str) -> None:
        if not text and not thought:
            return
        self.pieces += 1
        self._characters += len(text) + len(thought)
        if text:
            self._texts.append(text)
            if self._listener is not None:
                self._listener(self.request, text)
        if self.request.heard is not None:
            self.request.heard(self._characters, text)


def parsed(raw: bytes, request: Request, answerer: Answerer) -> Completion:
    """A whole reply; raises ModelUnavailable where it is no reply, ModelRejected where it was withheld."""
    body = _decoded(raw, answerer)
    choice = body.choices[0] if body.choices else Choice()
    if choice.message is None:
        raise ModelUnavailable(f"{answerer.host} sent a reply without an answer", received=0)
    _check_filter(choice.finish_reason, choice.message.text, answerer)
    return Completion(
        text=choice.message.text,
        usage=body.usage.usage() if body.usage else Usage(calls=1, nanos=None),
        model=body.model or request.model,
        finish="length" if choice.finish_reason == "length" else "stop",
    )


async def listen(chunks: AsyncIterator[bytes], heard: Heard, answerer: Answerer) -> Completion:
    """A streamed reply (server-sent events, HTML standard 9.2), read until its end or its bound.

    Raises ModelUnavailable where it ends in the middle: with neither a reason to finish nor ``[DONE]``.
    """
    done = False
    async for data in _events(chunks):
        done = data == b"[DONE]"
        if done:
            break
        heard.take(_decoded(data, answerer, heard.pieces))
        if heard.runaway:
            return heard.completion("length")
    if not done and heard.finish is None:
        raise ModelUnavailable(f"the reply of {answerer.host} was cut in the middle", received=heard.pieces)
    completion = heard.completion(heard.finish)
    _check_filter(heard.finish, completion.text, answerer)
    return completion


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of each event; servers put it on one line."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
    if rest.startswith(b"data:"):
        yield rest[5:].strip()


def _decoded(raw: bytes, answerer: Answerer, received: int = 0) -> Body:
    try:
        body = msgspec.json.decode(raw, type=Body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelUnavailable(f"{answerer.host} sent a broken reply", received=received) from error
    if body.error is not None:
        raise _fault(body.error, answerer)
    return body


def _fault(error: Fault | str, answerer: Answerer) -> ModelError:
    """An error that came with status 200, as gateways send it once a stream has begun."""
    if isinstance(error, str):
        return ModelUnavailable(f"{answerer.host} failed: {answerer.said(error)}", received=0)
    code = str(error.code)
    status = int(code) if code.isdigit() else 500
    return failure(status, error.text, answerer)


def _check_filter(finish: str | None, text: str, answerer: Answerer) -> None:
    if finish == "content_filter" and not text:
        raise ModelRejected(f"{answerer.host} withheld the reply (content filter)")
