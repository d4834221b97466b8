"""The last turn of a node that has run out: an answer from what it has, honestly flagged.

The prompt is written anew and kept short, since the part of the budget kept back for it is small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rlm_async.core.answer import Result
from rlm_async.core.data import Data, as_text
from rlm_async.core.description import describe
from rlm_async.core.messages import Message, Request
from rlm_async.core.transcript import Output, Turn
from rlm_async.errors import BudgetExceeded, ContextOverflow, ModelError, Refused, RLMError, Unanswered
from rlm_async.strategies.allowance import LAST_SIZES, Size, last_sizes, reply_room, reply_temperature
from rlm_async.strategies.conversation import Conversation
from rlm_async.strategies.display import ERROR_CHARACTERS
from rlm_async.strategies.excerpt import excerpt
from rlm_async.strategies.facts import TOKEN_CHARACTERS
from rlm_async.strategies.parsing import Parsed, parse
from rlm_async.strategies.structured import Misfit

QUESTION_CHARACTERS = 6_000
CONTEXT_CHARACTERS = 2_000
DRAFT_CHARACTERS = 4_000
CODE_CHARACTERS = 1_200
OUTPUT_CHARACTERS = 4_000
LEAST_CHARACTERS = 200
"""Less of a turn than this says nothing."""

FIXED_CHARACTERS = 200
"""For our own words around the parts."""

NAMES = {
    "turns": "all turns are used",
    "calls": "all model calls are used",
    "tokens": "the token budget is used up",
    "usd": "the money is used up",
    "seconds": "the time is up",
    "consecutive_errors": "too many turns in a row did not work",
    "window": "the conversation is full",
    "sandbox": "the Python session is lost",
}

_LITERAL = re.compile(
    r"""(?:(?:FINAL|SUBMIT)\(\s*|answer\[["']content["']\]\s*=\s*)(?P<mark>["'])(?P<text>[^"']*)(?P=mark)"""
)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a node has to end: the limit's name, and the error where nothing at all can be answered."""

    limit: str
    error: RLMError


async def last_turn(conversation: Conversation, ending: Ending) -> Result:
    """The best answer there is; raises Unanswered, or the refusal itself, where there is none."""
    reply = await _asked(conversation, ending.limit)
    shape = conversation.shape
    reason = conversation.misfit
    for value in [*_answers(reply), *_known(conversation)]:
        if shape is None:
            return Result(value, ending.limit)
        try:
            return Result(await shape.fitted(value), ending.limit)
        except Misfit as misfit:
            reason = reason or str(misfit)
    raise _failure(conversation, ending, reason) from ending.error


async def _asked(conversation: Conversation, limit: str) -> str:
    """The model's last reply, or nothing where not even the smallest prompt can be paid."""
    for size in last_sizes(conversation.frame):
        try:
            completion = await conversation.frame.ask(last_request(conversation, limit, size), last=True)
        except BudgetExceeded as refusal:
            if refusal.resource not in {"tokens", "usd"}:
                return ""
        except ContextOverflow:
            continue
        except (Refused, ModelError):
            return ""
        else:
            return completion.text
    return ""


def last_request(conversation: Conversation, limit: str, size: Size = LAST_SIZES[0]) -> Request:
    """One prompt with the question, what was tried and found, and the demand to answer now."""
    query = conversation.frame.query
    info = conversation.frame.info(query.model)
    reply = min(size.reply, reply_room(info))
    characters = size.characters
    if info.window is not None:
        characters = max(0, min(characters, (info.window - reply) * TOKEN_CHARACTERS))
    return Request(
        model=query.model,
        messages=_last_messages(conversation, limit, characters),
        max_tokens=reply,
        temperature=reply_temperature(info),
        schema=query.schema,
        sample=query.sample,
    )


def _last_messages(conversation: Conversation, limit: str, size: int) -> tuple[Message, ...]:
    query = conversation.frame.query
    form = f"Reply with JSON only, fitting this schema: {query.schema}" if query.schema else "Reply in plain words."
    system = (
        f"You were answering a question with the help of a Python session. No more code can run: "
        f"{NAMES.get(limit, limit)}. Answer from what is below. Say what is not certain. No code. {form}"
    )
    parts = [
        f"The question: {excerpt(query.prompt, min(QUESTION_CHARACTERS, size // 3))}",
        f"The input, described: {excerpt(describe(query.context), min(CONTEXT_CHARACTERS, size // 10))}",
    ]
    if conversation.draft is not None:
        parts.append(f"Your draft: {excerpt(as_text(conversation.draft.value), min(DRAFT_CHARACTERS, size // 6))}")
    room = size - sum(map(len, parts)) - len(system) - FIXED_CHARACTERS
    parts.insert(2, "What was done so far:\n" + (transcript(conversation.turns, room) or "(left out)"))
    parts.append("Answer the question now.")
    return Message("system", system), Message("user", "\n\n".join(parts))


def transcript(turns: list[Turn], room: int) -> str:
    """Code and outputs in about `room` characters, the newest turns first to get their share."""
    kept: list[str] = []
    for turn in reversed(turns):
        text = _turn(turn)
        if len(text) > room:
            if room > LEAST_CHARACTERS:
                kept.append(excerpt(text, room))
            break
        kept.append(text)
        room -= len(text)
    return "\n\n".join(reversed(kept))


def _turn(turn: Turn) -> str:
    if not turn.cells:
        return f"You said: {excerpt(parse(turn.reply).prose, OUTPUT_CHARACTERS)}"
    return "\n".join(_cell(code, output) for code, output in turn.cells)


def _cell(code: str, output: Output) -> str:
    lines = [f"Code:\n{excerpt(code, CODE_CHARACTERS)}", f"Output:\n{excerpt(output.stdout, OUTPUT_CHARACTERS)}"]
    if output.error is not None:
        lines.append(excerpt(str(output.error), ERROR_CHARACTERS))
    return "\n".join(lines)


def _answers(reply: str) -> Iterator[Data]:
    """What a last reply may be meant to say: prose, else a literal in code that can no longer run."""
    parsed: Parsed = parse(reply)
    if parsed.final is not None and not parsed.final.variable:
        yield parsed.final.text
    for block in reversed(parsed.blocks):
        if found := _LITERAL.search(block):
            yield found["text"]
    if parsed.prose:
        yield parsed.prose


def _known(conversation: Conversation) -> Iterator[Data]:
    """What is known without asking anybody: the draft, what was said, what was printed last."""
    if conversation.draft is not None:
        yield conversation.draft.value
    if conversation.said:
        yield conversation.said
    for turn in reversed(conversation.turns):
        for _, output in reversed(turn.cells):
            if output.stdout.strip():
                yield excerpt(output.stdout.strip(), OUTPUT_CHARACTERS)
                return


def _failure(conversation: Conversation, ending: Ending, reason: str) -> RLMError:
    turns = tuple(conversation.turns)
    if reason and conversation.shape is not None:
        return Unanswered(f"no answer fits the schema: {reason}", turns)
    if isinstance(ending.error, BudgetExceeded) and ending.limit not in {"turns", "consecutive_errors", "window"}:
        return ending.error
    why = NAMES.get(ending.limit, ending.limit)
    return Unanswered(f"no answer after {len(turns)} turns: {why}", turns)
