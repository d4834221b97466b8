"""How long prompts are and replies may be.

What a budget can pay for is not worked out here: the model's rings shorten a reply to what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rlm_async.core.messages import Completion, Message
from rlm_async.core.query import Query
from rlm_async.core.tokens import estimate_tokens, estimate_tokens_of
from rlm_async.core.usage import ModelInfo
from rlm_async.ports import Frame

REPLY_TOKENS = 8_192
"""Kept free in a window for a reply; a reasoning model thinks inside it too."""

WEAK_TOKENS = 1_024
"""What a small model may write: it says what it can say in less, at twenty tokens a second."""

FEW_TOKENS = 4_096
"""With less left than this, a reply that was cut was cut by the budget."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of a last turn: characters of the prompt, tokens of the reply."""

    characters: int
    reply: int


LAST_SIZES = (Size(24_000, 1_024), Size(8_000, 512), Size(1_600, 256))
"""Tried in turn: what was kept back is a share of the budget, and a small budget's share is small."""


KEPT_CHARACTERS = 1.5
"""Characters of a prompt that a token kept back pays for: what is held for a call is a cautious bound."""


def last_sizes(frame: Frame) -> tuple[Size, ...]:
    """The sizes to try a last turn in, largest first: what was kept back pays for, then ever smaller ones."""
    kept = frame.last_tokens
    if kept <= 0:
        return LAST_SIZES
    largest = LAST_SIZES[0]
    reply = min(largest.reply, max(LAST_SIZES[-1].reply, kept // 12))
    fitting = Size(min(largest.characters, int(max(0, kept - reply) * KEPT_CHARACTERS)), reply)
    return (fitting, *(size for size in LAST_SIZES if size.characters < fitting.characters))


def prompt_tokens(messages: Sequence[Message]) -> int:
    """What a prompt measures, a few tokens a message for its marks included; an estimate."""
    return sum(estimate_tokens(message.text) + 4 for message in messages)


def input_tokens(query: Query) -> int:
    """What a query's text, question and history measure together; nothing is copied."""
    names = [document.name for document in query.context] if query.context.shape != "text" else []
    said = [part for pair in query.history for part in pair]
    texts = estimate_tokens_of([document.text for document in query.context])
    return texts + sum(map(estimate_tokens, [query.prompt, *said])) + estimate_tokens_of(names) + 4 * len(names)


def reply_room(info: ModelInfo) -> int:
    """Tokens to keep free for the reply in planning how much a model may be given to read."""
    room = WEAK_TOKENS if info.weak else REPLY_TOKENS
    if info.window is not None:
        room = min(room, info.window // 4)
    return room if info.max_output is None else min(room, info.max_output)


def reply_tokens(info: ModelInfo) -> int | None:
    """The most that a model is asked to write; None leaves it to the rings, which know the budget."""
    return reply_room(info) if info.weak else None


def reply_temperature(info: ModelInfo) -> float | None:
    """0 for a small model, which loses its thread at more; else the provider's own, as many accept no other."""
    return 0.0 if info.weak else None


def cut_by(frame: Frame, completion: Completion) -> str | None:
    """The limit that cut a reply short, or None where it is whole; `max_output` is the model's own."""
    if completion.finish != "length":
        return None
    left = frame.left()
    if (tokens := left.get("tokens")) is not None and tokens < FEW_TOKENS:
        return "tokens"
    price = frame.info(frame.query.model).price
    if price is not None and (usd := left.get("usd")) is not None and usd < price.completion * FEW_TOKENS / 1e6:
        return "usd"
    return "max_output"
