"""The recursive language model itself: reply, run its code, look, until answered (arXiv 2512.24601)."""

from __future__ import annotations

from dataclasses import dataclass, field

from rlm_async.core.answer import Result
from rlm_async.core.data import Data
from rlm_async.core.messages import Completion
from rlm_async.core.transcript import Output, Submission
from rlm_async.errors import BudgetExceeded, ContextOverflow, SandboxCrashed, SandboxTimeout
from rlm_async.ports import Folding, Frame
from rlm_async.strategies.conversation import SCOPE, Conversation
from rlm_async.strategies.folding import Elide
from rlm_async.strategies.last_turn import Ending, last_turn
from rlm_async.strategies.parsing import Final, Parsed, identifier, parse
from rlm_async.strategies.structured import REPAIRS, Misfit, Shape

VARIABLES_CHARACTERS = 3_000


@dataclass(frozen=True, slots=True)
class Repl:
    """The strategy `repl`. Holds no state: all of that is in the conversation of one frame."""

    folding: Folding = field(default_factory=Elide)

    async def answer(self, frame: Frame) -> Result:
        """Turns until code answers; at a limit, one last turn and a partial result."""
        Shape.of(frame.query, frame.depth)  # a schema that is none is told before anything is asked
        conversation = Conversation.opened(frame, await _variables(frame))
        try:
            return await self._turns(conversation)
        except BudgetExceeded as refusal:
            ending = Ending(refusal.resource, refusal)
        except (SandboxCrashed, SandboxTimeout) as error:
            ending = Ending("sandbox", error)
        except ContextOverflow as overflow:
            if not conversation.turns:
                raise
            ending = Ending("window", overflow)
        return await last_turn(conversation, ending)

    async def _turns(self, conversation: Conversation) -> Result:
        while True:
            completion = await self._asked(conversation)
            conversation.replied(completion.text)
            parsed = parse(completion.text)
            found = await self._run(conversation, parsed)
            if found is None:
                conversation.saw(parsed)
                continue
            try:
                return Result(await _fitted(conversation, found.value))
            except Misfit as misfit:
                conversation.refused(str(misfit))
                if conversation.repairs > REPAIRS:
                    raise BudgetExceeded(SCOPE, "consecutive_errors", conversation.repairs, REPAIRS) from misfit

    async def _asked(self, conversation: Conversation) -> Completion:
        """The next reply; a history that is too long for the model is folded first."""
        await conversation.fold(self.folding)
        try:
            return await conversation.frame.ask(conversation.request())
        except ContextOverflow:
            if not await conversation.fold(self.folding, full=True):
                raise
        return await conversation.frame.ask(conversation.request())

    async def _run(self, conversation: Conversation, parsed: Parsed) -> Submission | None:
        """Run the blocks in order, up to the one that answers; what a killed cell has left is not built on."""
        if parsed.final is not None:
            return await self._said(conversation, parsed.final)
        for block in parsed.blocks:
            output = await conversation.frame.run(block)
            conversation.ran(block, output)
            if output.answer is not None or output.outcome == "killed":
                return output.answer
        return None

    async def _said(self, conversation: Conversation, final: Final) -> Submission | None:
        """An answer in prose: a variable's value, or the words themselves."""
        if final.variable:
            code = f'FINAL_VAR("{final.text}")'
        elif identifier(final.text):
            code = f"FINAL({final.text})"  # a name, most of the time; where there is no such name, a word
        else:
            return Submission(final.text)
        output: Output = await conversation.frame.run(code)
        if output.answer is not None:
            return output.answer
        if not final.variable:
            return Submission(final.text)
        conversation.ran(code, output)
        return None


async def _fitted(conversation: Conversation, value: Data) -> Data:
    shape = conversation.shape
    return value if shape is None else await shape.fitted(value)


async def _variables(frame: Frame) -> str:
    """What an earlier turn of a session has left in the sandbox; a first turn has nothing."""
    if not frame.query.history:
        return ""
    try:
        output = await frame.run("show_vars()")
    except (BudgetExceeded, SandboxCrashed, SandboxTimeout):
        return ""  # the turns that follow meet the same and know what to do
    return "" if output.error is not None else output.stdout.strip()[:VARIABLES_CHARACTERS]
