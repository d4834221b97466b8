"""Tokens of one model's template, with a mask of those that the model wrote: made piece by piece, checked byte by byte.

A llama.cpp server (the local model's, or one that is named) renders the messages (`/apply-template`) and cuts
texts into tokens (`/tokenize`, https://github.com/ggml-org/llama.cpp/tree/master/tools/server). The prompt is
rendered up to where the model begins to write, as it is when the model is asked; the reply is cut by itself,
since that is where generation starts; behind it comes the token that ends a turn, which is learned too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
import msgspec

from rlm_async.core.messages import Message
from rlm_async.errors import ConfigError
from rlm_async.export.samples import Sample

PROBE = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
"""A conversation from which the end of a turn is read."""
SECONDS = 120.0


class _Token(msgspec.Struct):
    id: int
    piece: str | list[int] = ""

    @property
    def raw(self) -> bytes:
        return self.piece.encode() if isinstance(self.piece, str) else bytes(self.piece)


class _Tokens(msgspec.Struct):
    tokens: list[_Token]


class _Rendered(msgspec.Struct):
    prompt: str


Reply = TypeVar("Reply", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Piece:
    """Tokens of one part of a conversation, what the model wrote or was shown; `text` is what they stand for."""

    ids: tuple[int, ...]
    text: bytes
    written: bool


@dataclass(frozen=True, slots=True)
class Tokenized:
    """A conversation in tokens; `turns` says which of the sample's turns it holds, from, and up to but without."""

    pieces: tuple[Piece, ...]
    turns: tuple[int, int]

    @property
    def ids(self) -> list[int]:
        """All tokens."""
        return [token for piece in self.pieces for token in piece.ids]

    @property
    def mask(self) -> list[int]:
        """1 for each token that the model wrote."""
        return [int(piece.written) for piece in self.pieces for _ in piece.ids]


class Template:
    """A model's chat template and tokens, asked of a llama.cpp server."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        """Ask the server at `address`."""
        self._session = session
        self._address = address.rstrip("/").removesuffix("/v1")
        self._end: Piece | None = None

    async def rendered(self, messages: Sequence[Message]) -> str:
        """The prompt of `messages`, up to where the model begins to write."""
        spoken = [{"role": message.role, "content": message.text} for message in messages]
        return (await self._asked("/apply-template", {"messages": spoken}, _Rendered)).prompt

    async def cut(self, text: str, *, written: bool = False, first: bool = False) -> Piece:
        """The tokens of `text`. Names of special tokens are such in a template, never in what a model wrote.

        `first` at the beginning of a conversation, where some models have a token of their own. Raises ConfigError
        where the tokens do not stand for the text, byte by byte.
        """
        tokens = await self._tokens(text, special=not written, first=first)
        whole = b"".join(token.raw for token in tokens)
        begun = first and b"".join(token.raw for token in tokens[1:]) == text.encode()
        if whole != text.encode() and not begun:
            raise ConfigError(
                "this model's tokens do not stand for its text byte by byte (it adds or changes spaces), so no mask of "
                "them would be right: export messages instead, and let the trainer cut them"
            )
        return Piece(tuple(token.id for token in tokens), whole, written)

    async def end(self) -> Piece:
        """The token that ends a turn; nothing where the template has none."""
        if self._end is None:
            before = await self.rendered(PROBE[:1])
            rest = (await self.rendered(PROBE)).removeprefix(before + PROBE[1].text)
            first = (await self._tokens(rest, special=True))[:1]
            plain = await self._tokens("".join(_named(token) for token in first), special=False)
            named = () if plain == first else tuple(first)  # its text alone is not it: a special token
            self._end = Piece(tuple(token.id for token in named), b"".join(token.raw for token in named), written=True)
        return self._end

    async def _tokens(self, text: str, *, special: bool, first: bool = False) -> list[_Token]:
        if not text:
            return []
        wanted = {"content": text, "with_pieces": True, "parse_special": special, "add_special": first}
        return (await self._asked("/tokenize", wanted, _Tokens)).tokens

    async def _asked(self, path: str, body: object, kind: type[Reply]) -> Reply:
        try:
            async with self._session.post(self._address + path, json=body) as reply:
                raw = await reply.read()
                if reply.status != 200:  # noqa: PLR2004 - an HTTP status
                    raise ConfigError(
                        f"the server at {self._address} answers {path} with {reply.status}: "
                        "it has to be llama.cpp's, with its own key"
                    )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ConfigError(f"cannot ask the server at {self._address} for its template: {error}") from error
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.DecodeError as error:
            raise ConfigError(f"the server at {self._address} does not answer {path} as llama.cpp does") from error


def _named(token: _Token) -> str:
    return token.raw.decode("utf-8", "replace")


@asynccontextmanager
async def opened(address: str, key: str | None) -> AsyncIterator[Template]:
    """The template of the model behind `address`."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(SECONDS)) as session:
        yield Template(session, address)


async def tokenized(sample: Sample, template: Template) -> list[Tokenized]:
    """A sample in tokens: one conversation as long as the template only adds at the end, else another from there on.

    Some templates show earlier replies otherwise than they were written (without reasoning, without spaces at
    their ends): what they show is then the prompt of a conversation of its own, as it is when the model is asked.
    """
    end = await template.end()
    found: list[Tokenized] = []
    pieces: list[Piece] = []
    shown, began = "", 0
    for number, turn in enumerate(sample.turns):
        prompt = await template.rendered(turn.messages)
        if not pieces or not prompt.startswith(shown):
            found += [Tokenized(tuple(pieces), (began, number))] if pieces else []
            pieces, shown, began = [await template.cut(prompt, first=True)], prompt, number
        else:
            pieces.append(await template.cut(prompt[len(shown) :]))
        reply = await template.cut(turn.reply, written=True)
        learned = not turn.cut and bool(turn.reply)
        ended = Piece((), b"", learned) if turn.cut else Piece(end.ids, end.text, learned)
        pieces += [Piece(reply.ids, reply.text, learned), ended]
        shown = prompt + turn.reply + ended.text.decode()
    return [*found, Tokenized(tuple(pieces), (began, len(sample.turns)))]
