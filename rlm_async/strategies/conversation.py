"""What a node with a REPL has said and seen: grows at its end until it is folded, and knows the best answer so far."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rlm_async.core.messages import Message, Request
from rlm_async.core.transcript import Exchange, Output, Past, Submission, Turn
from rlm_async.errors import BudgetExceeded
from rlm_async.ports import Folding, Frame
from rlm_async.strategies.allowance import prompt_tokens, reply_temperature, reply_tokens
from rlm_async.strategies.display import INVENTED, NO_CODE, failed, outputs
from rlm_async.strategies.facts import Facts, budget_line
from rlm_async.strategies.folding import FOLDED_SHARE, FULL_SHARE, UNKNOWN_WINDOW
from rlm_async.strategies.parsing import Parsed, spoken
from rlm_async.strategies.prompts import first_message, system_prompt
from rlm_async.strategies.structured import Shape

SCOPE = "this node"
FEW_TURNS = 2
"""From here on every message says that it is time to answer."""

ROOM_TOKENS = 512
"""With less of its window left than this, a model can write nothing useful: time for the last turn."""


class WindowFull(BudgetExceeded):
    """The conversation has filled the model's window."""

    def __init__(self, asked: float, window: float) -> None:
        """Tell both, in tokens."""
        super().__init__(SCOPE, "window", asked, window)


@dataclass(slots=True)
class Conversation:
    """The messages and turns of one frame. Messages are only ever appended to, but where the history is folded."""

    frame: Frame
    opening: tuple[Message, Message]
    """The rules, and the question: never folded."""
    past: Past = field(default=Past())
    turns: list[Turn] = field(default_factory=list)
    broken: int = 0
    """Turns in a row, up to now, that held no code or ended in an error."""
    repairs: int = 0
    misfit: str = ""
    """Why the newest answer was not accepted."""
    draft: Submission | None = None
    said: str = ""
    """The newest reply that held no code: a model that never writes any answers like this."""

    @classmethod
    def opened(cls, frame: Frame, variables: str = "") -> Conversation:
        """The beginning: rules, and the question."""
        system = system_prompt(Facts.of(frame))
        first = first_message(frame.query, frame.left(), frame.limits.turns, variables)
        return cls(frame, (Message("system", system), Message("user", first)))

    @property
    def messages(self) -> tuple[Message, ...]:
        """What the model is shown."""
        rules, first = self.opening
        if self.past.summary:
            first = Message("user", f"{first.text}\n\n{self.past.summary}")
        said = (
            message
            for exchange in self.past.exchanges
            for message in (Message("assistant", exchange.said), Message("user", exchange.told))
        )
        return rules, first, *said

    @property
    def shape(self) -> Shape | None:
        """The form the answer must have."""
        return Shape.of(self.frame.query, self.frame.depth)

    async def fold(self, policy: Folding, *, full: bool = False) -> bool:
        """Shorten the history where it has outgrown its share of the window, or the provider says so (`full`).

        Whether it is shorter now.
        """
        window = self.frame.info(self.frame.query.model).window
        if window is None and not full:
            return False
        before = prompt_tokens(self.messages)
        window = window or UNKNOWN_WINDOW
        if not full and before <= window * FULL_SHARE:
            return False
        room = min(window * FOLDED_SHARE, before * FOLDED_SHARE if full else before)
        fixed = before - self.past.tokens
        past = await policy(self.past, max(0, int(room) - fixed), self.frame)
        after = fixed + past.tokens
        if after >= before:
            return False
        self.past = past
        self.frame.folded(policy.name, past.folded, before, after)
        return True

    def request(self) -> Request:
        """What the model is asked next. Raises BudgetExceeded where turns, patience or window are used up."""
        query, limits = self.frame.query, self.frame.limits
        if self.broken >= limits.consecutive_errors:
            raise BudgetExceeded(SCOPE, "consecutive_errors", self.broken + 1, 0)
        if len(self.turns) >= limits.turns:
            raise BudgetExceeded(SCOPE, "turns", len(self.turns) + 1, 0)
        info = self.frame.info(query.model)
        if info.window is not None and self.turns:
            asked = prompt_tokens(self.messages) + min(ROOM_TOKENS, info.window // 8)
            if asked > info.window:
                raise WindowFull(asked, info.window)
        return Request(
            model=query.model,
            messages=self.messages,
            max_tokens=reply_tokens(info),
            temperature=reply_temperature(info),
            sample=query.sample,
        )

    def replied(self, reply: str) -> None:
        """The model has said something; its reasoning is not kept."""
        self.turns.append(Turn(reply))

    def ran(self, code: str, output: Output) -> None:
        """A block of the newest reply has run."""
        turn = self.turns[-1]
        self.turns[-1] = Turn(turn.reply, (*turn.cells, (code, output)))
        self.draft = output.draft or self.draft

    def saw(self, parsed: Parsed) -> None:
        """The turn is over without an answer: tell the model what its code did, or that there was none."""
        done = [output for _, output in self.turns[-1].cells]
        if not done:
            self.broken += 1
            self.said = parsed.prose or self.said
            self._tell(NO_CODE)
            return
        self.broken = self.broken + 1 if failed(done[-1]) else 0
        seen = outputs(done, Facts.of(self.frame).output_characters)
        self._tell(f"{INVENTED}\n\n{seen}" if parsed.invented else seen)

    def refused(self, reason: str) -> None:
        """The answer does not fit the schema: say why."""
        self.repairs += 1
        self.misfit = reason
        self._tell(f"The answer was not accepted: {reason}.\nSet it again, as data that fits the schema.")

    def _tell(self, text: str) -> None:
        left = self.frame.limits.turns - len(self.turns)
        line = budget_line(self.frame.left(), left)
        if left <= FEW_TURNS:
            line += " Answer now, from what you have."
        turn = self.turns[-1]
        exchange = Exchange(turn, spoken(turn.reply) or "(empty reply)", f"{text}\n\n{line}")
        self.past = replace(self.past, exchanges=(*self.past.exchanges, exchange))
