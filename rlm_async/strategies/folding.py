"""A node's own history, made shorter when it nears its share of the model's window.

Outputs go first, since they are the bulk of it and code can look again; then whole turns, told in a line each.
Never the question, never the newest turns, and never code whose variables live: without it the model would
not know what it has. What is folded stays in the trace, and code reads it back in the variable `history`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rlm_async.core.messages import Message, Request
from rlm_async.core.tokens import estimate_tokens
from rlm_async.core.transcript import Exchange, Past, Turn
from rlm_async.errors import BudgetExceeded, ConfigError, ModelError
from rlm_async.ports import Folding, Frame
from rlm_async.strategies.bindings import living
from rlm_async.strategies.excerpt import excerpt

POLICIES = ("none", "elide", "summarise")
FULL_SHARE = 0.75
"""Of the window, from which on a history is folded: what is left is for the reply, and a turn's output."""

FOLDED_SHARE = 0.4
"""What it is folded to. Far below, so that several turns can be added to the same prefix: every fold costs the
provider's prompt cache all that comes after it."""

KEPT_EXCHANGES = 2
"""The newest turns are always shown as they were."""

GLIMPSE_CHARACTERS = 160
"""Shown of an output that is folded."""

LINE_CHARACTERS = 120
"""Shown of the code, and of the output, of a turn that is told in a line."""

LINES = 16
"""Turns told in a line each; those before them are counted."""

SUMMARY_TOKENS = 600
TOLD_CHARACTERS = 12_000
"""Of the turns that are given to a model to summarise."""

UNKNOWN_WINDOW = 32_768
"""Taken for a window that nobody knows, once the provider has said that it is full."""

HEADING = "Earlier turns, folded to save room (`history` in the session still holds their code and outputs):"

COUNTED = "(before these:"
WANTED = (
    "Say in at most ten short lines what was found out so far (facts, numbers, names, places in the input), "
    "what was tried in vain, and which variables hold what. No code, no advice."
)


class Keep:
    """The policy `none`: a full window ends the node."""

    name = "none"

    async def __call__(self, past: Past, room: int, frame: Frame) -> Past:
        """`past` itself."""
        del room, frame
        return past


class Elide:
    """The policy `elide`: leaves out, and says so. Costs no call, and the same history gives the same fold."""

    name = "elide"

    async def __call__(self, past: Past, room: int, frame: Frame) -> Past:
        """`past` in `room` tokens, or as near as the rules allow."""
        del frame
        return without_turns(without_outputs(past, room), room)


@dataclass(frozen=True, slots=True)
class Summarise:
    """The policy `summarise`: older turns are told by a model, in its words; one call each time.

    `model` is a name; None is the node's own sub-model. A model that was trained to fold goes here. Where the
    call fails or may not be paid, the turns are told as `elide` does.
    """

    model: str | None = None

    @property
    def name(self) -> str:
        """As it is asked for."""
        return "summarise" if self.model is None else f"summarise:{self.model}"

    async def __call__(self, past: Past, room: int, frame: Frame) -> Past:
        """`past` in about `room` tokens."""
        shorter = without_outputs(past, room)
        if shorter.tokens <= room:
            return shorter
        plain = without_turns(shorter, room)
        gone = [exchange for exchange in past.exchanges if not _among(exchange, plain.exchanges)]
        if plain.gone == past.gone:
            return plain
        try:
            completion = await frame.ask(self._request(past.summary, gone, frame))
        except (ModelError, BudgetExceeded):
            return plain
        told = completion.text.strip()
        return replace(plain, summary=f"{HEADING}\n{told}") if told else plain

    def _request(self, summary: str, gone: Sequence[Exchange], frame: Frame) -> Request:
        query = frame.query
        told = "\n\n".join(f"{exchange.said}\n\n{exchange.told}" for exchange in gone)
        asked = f"Somebody works on this question with Python: {excerpt(query.prompt, LINE_CHARACTERS * 8)}"
        parts = [asked, summary, excerpt(told, TOLD_CHARACTERS), WANTED]
        return Request(
            model=self.model or frame.sub_model,
            messages=(Message("user", "\n\n".join(part for part in parts if part)),),
            max_tokens=SUMMARY_TOKENS,
        )


def without_outputs(past: Past, room: int) -> Past:
    """`past` with what older turns were told cut to a glimpse, the oldest first, until it fits `room` tokens."""
    exchanges = list(past.exchanges)
    left = past.tokens
    for i, exchange in enumerate(exchanges[:-KEPT_EXCHANGES]):
        if left <= room:
            break
        shorter = _glimpse(exchange)
        left -= exchange.tokens - shorter.tokens
        exchanges[i] = shorter
    return replace(past, exchanges=tuple(exchanges))


def without_turns(past: Past, room: int) -> Past:
    """`past` with older turns told in a line each, the oldest first, but for code whose variables live."""
    alive = living([_codes(exchange.turn) for exchange in past.exchanges])
    lines: list[str] = []
    kept: list[Exchange] = []
    left = past.tokens
    for i, exchange in enumerate(past.exchanges):
        if left <= room or i >= len(past.exchanges) - KEPT_EXCHANGES:
            kept.append(exchange)
        elif alive[i]:
            bare = _bare(exchange, alive[i])
            left -= exchange.tokens - bare.tokens
            kept.append(bare)
        else:
            lines.append(_line(exchange))
            left -= exchange.tokens - estimate_tokens(lines[-1])
    if not lines:
        return replace(past, exchanges=tuple(kept))
    return Past(_told(past, lines), past.gone + len(lines), tuple(kept))


def _told(past: Past, lines: list[str]) -> str:
    """The summary that stood, and what is new; the newest lines where there are many."""
    old = [line for line in past.summary.splitlines() if line != HEADING and not line.startswith(COUNTED)]
    shown = [*old, *lines][-LINES:]
    hidden = past.gone + len(lines) - len(shown)
    return "\n".join([HEADING, *([f"{COUNTED} {hidden:,} turns)"] if hidden > 0 else []), *shown])


def policy(name: str) -> Folding:
    """The policy of a name: `none`, `elide`, `summarise`, `summarise:MODEL`. Raises ConfigError for another."""
    if name == "none":
        return Keep()
    if name == "elide":
        return Elide()
    kind, colon, model = name.partition(":")
    if kind == "summarise" and (model or not colon):
        return Summarise(model or None)
    raise ConfigError(f"there is no folding {name!r}; choose one of: {', '.join(POLICIES)}, summarise:MODEL")


def _among(exchange: Exchange, kept: Sequence[Exchange]) -> bool:
    return any(other.turn is exchange.turn for other in kept)


def _glimpse(exchange: Exchange) -> Exchange:
    told = f"(folded: {len(exchange.told):,} characters, such as) {excerpt(exchange.told, GLIMPSE_CHARACTERS)}"
    if exchange.folded or len(told) >= len(exchange.told):
        return exchange
    return replace(exchange, told=told, folded=True)


def _bare(exchange: Exchange, names: frozenset[str]) -> Exchange:
    """A turn's code without the words around it, and what lives of it."""
    code = "\n".join(f"```repl\n{source}\n```" for source in _codes(exchange.turn))
    told = f"(folded; it set {', '.join(sorted(names))})"
    said = code if len(code) < len(exchange.said) else exchange.said
    return replace(exchange, said=said, told=told, folded=True)


def _line(exchange: Exchange) -> str:
    codes = _codes(exchange.turn)
    printed = "".join(output.stdout for _, output in exchange.turn.cells).strip()
    errors = [output.error for _, output in exchange.turn.cells if output.error is not None]
    did = " ".join(" ".join(codes).split()) or " ".join(exchange.said.split())
    line = f"- {_clipped(did)}"
    if errors:
        return f"{line} -> {_clipped(str(errors[-1]))}"
    return f"{line} -> {_clipped(printed)}" if printed else line


def _clipped(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LINE_CHARACTERS else f"{flat[:LINE_CHARACTERS]} …"


def _codes(turn: Turn) -> list[str]:
    return [source for source, output in turn.cells if output.outcome not in {"killed", "refused"}]
