"""One completion: the text first, the question last, so that a second question reuses the first one's prefix."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rlm_async.core.answer import Result
from rlm_async.core.messages import Message, Request
from rlm_async.core.query import Query
from rlm_async.core.transcript import Turn
from rlm_async.errors import BudgetExceeded, ContextOverflow, Unanswered
from rlm_async.ports import Frame
from rlm_async.strategies.allowance import (
    Size,
    cut_by,
    input_tokens,
    last_sizes,
    prompt_tokens,
    reply_room,
    reply_temperature,
    reply_tokens,
)
from rlm_async.strategies.excerpt import excerpt
from rlm_async.strategies.facts import TOKEN_CHARACTERS
from rlm_async.strategies.parsing import spoken
from rlm_async.strategies.structured import REPAIRS, Misfit, Shape

LEAST_TOKENS = 128
"""For the shortest reply worth asking for, and for a chat template's own marks."""

SCHEMA_CHARACTERS = 4_000
"""A schema longer than this is left to the provider's constrained output."""


@dataclass(frozen=True, slots=True)
class Direct:
    """The strategy `direct`."""

    async def answer(self, frame: Frame) -> Result:
        """The model's reply to text and question; raises ContextOverflow where they do not fit its window."""
        shape = Shape.of(frame.query, frame.depth)
        check_fit(frame)
        messages = composed(frame.query, frame.query.context.text, weak=frame.info(frame.query.model).weak)
        messages = (*advised(frame), *messages)
        try:
            return await Exchange(frame, shape, reply_tokens(frame.info(frame.query.model))).answer(messages)
        except BudgetExceeded as refusal:
            if frame.depth:
                raise  # the code above is told; it has an answer of its own to give
            return await _last(frame, shape, refusal)


def composed(query: Query, text: str, *, weak: bool = False) -> tuple[Message, ...]:
    """The messages for a query over `text`; those of a session's next question begin with the same ones."""
    asked = [*(question for question, _ in query.history), query.prompt]
    answered = [answer for _, answer in query.history]
    if text and text != query.prompt:
        asked[0] = f"{text}\n\n---\nAnswer from the text above.\n\n{asked[0]}"
    if query.schema is not None and not weak and len(query.schema) <= SCHEMA_CHARACTERS:
        asked[-1] += f"\n\nReply with JSON only, fitting this JSON Schema:\n{query.schema}"
    messages = []
    for question, answer in zip(asked, [*answered, None], strict=True):
        messages.append(Message("user", question))
        if answer is not None:
            messages.append(Message("assistant", answer or "(no answer)"))
    return tuple(messages)


def advised(frame: Frame) -> tuple[Message, ...]:
    """What the profile says about such texts, where the model is shown the node's own text.

    A plain sub-query gets none of it: it sees its prompt and nothing else, as the code that asks was told.
    """
    text, profile = frame.query.context, frame.profile
    own = text.characters and not (text.shape == "text" and text.text == frame.query.prompt)
    if not profile.advice or not own:
        return ()
    return (Message("system", f"The text is of this kind: {profile.about}.\n{profile.advice}"),)


def check_fit(frame: Frame) -> None:
    """Raise ContextOverflow, before anything is spent or copied, where the prompt leaves no room for a reply."""
    query = frame.query
    window = frame.info(query.model).window
    if window is None:
        return
    room = window - min(LEAST_TOKENS, reply_room(frame.info(query.model)))
    size = input_tokens(query) + prompt_tokens(advised(frame))
    if size <= room:
        return
    if frame.depth:
        fix = f"ask about a piece of at most {room * TOKEN_CHARACTERS:,} characters"
    else:
        fix = 'let code read it in pieces: --strategy repl (strategy="repl")'
    raise ContextOverflow(
        f"the prompt is about {size:,} tokens and the window of {query.model} holds {window:,}; {fix}"
    )


@dataclass(slots=True)
class Exchange:
    """Asking, and asking again where the answer does not fit its schema."""

    frame: Frame
    shape: Shape | None
    max_tokens: int | None
    last: bool = False

    async def answer(self, messages: tuple[Message, ...]) -> Result:
        """The answer to `messages`."""
        turns: list[Turn] = []
        reason = ""
        for _ in range(1 if self.shape is None else 1 + REPAIRS):
            completion = await self.frame.ask(self._request(messages), last=self.last)
            said = spoken(completion.text)
            turns.append(Turn(completion.text))
            if self.shape is None:
                return _told(self.frame.query.model, said, cut_by(self.frame, completion), turns)
            try:
                return Result(await self.shape.fitted(said))
            except Misfit as misfit:
                reason = str(misfit)
            mend = f"That does not fit: {reason}. Reply with JSON only, fitting this JSON Schema:\n{self.shape.schema}"
            messages = (*messages, Message("assistant", said or "(empty reply)"), Message("user", mend))
        raise Unanswered(f"no answer of {self.frame.query.model} fits the schema: {reason}", tuple(turns))

    def _request(self, messages: tuple[Message, ...]) -> Request:
        query = self.frame.query
        return Request(
            model=query.model,
            messages=messages,
            max_tokens=self.max_tokens,
            temperature=reply_temperature(self.frame.info(query.model)),
            schema=query.schema,
            sample=query.sample,
        )


async def _last(frame: Frame, shape: Shape | None, refusal: BudgetExceeded) -> Result:
    """One more try, with as much of the text as the part kept back may pay for."""
    for size in last_sizes(frame):
        try:
            result = await _shortened(frame, shape, size)
        except BudgetExceeded as again:
            if again.resource not in {"tokens", "usd"}:
                break
        except ContextOverflow:
            continue
        else:
            return replace(result, limit=refusal.resource)
    raise refusal


async def _shortened(frame: Frame, shape: Shape | None, size: Size) -> Result:
    info = frame.info(frame.query.model)
    text = frame.query.context.text
    shown = excerpt(text, size.characters if info.window is None else min(size.characters, info.window * 2))
    messages = composed(frame.query, shown, weak=info.weak)
    if shown != text:
        messages = (Message("system", "The text is cut in the middle. Say what cannot be known from it."), *messages)
    return await Exchange(frame, shape, min(size.reply, reply_room(info)), last=True).answer(messages)


def _told(model: str, said: str, limit: str | None, turns: list[Turn]) -> Result:
    if said:
        return Result(said, limit)
    why = " (it used up all its tokens before it said anything)" if limit else ""
    raise Unanswered(f"{model} gave an empty reply{why}", tuple(turns))
