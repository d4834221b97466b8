"""For models too small to write the root's program: one of ours takes its place, in the same sandbox.

It searches in code, asks the model about one passage at a time, checks in code what can be checked, and
answers with the words and the place it found them in. The same sub-queries, nodes and limits as for a
program that a model writes; so it is also the baseline that such a program has to beat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rlm_async.core.answer import Result
from rlm_async.core.data import Data
from rlm_async.core.messages import Message
from rlm_async.core.transcript import Output, Turn
from rlm_async.errors import BudgetExceeded, SandboxCrashed, SandboxTimeout, Unanswered
from rlm_async.ports import Frame
from rlm_async.strategies.allowance import last_sizes, reply_room, reply_tokens
from rlm_async.strategies.direct import Exchange, advised
from rlm_async.strategies.excerpt import excerpt
from rlm_async.strategies.facts import Facts
from rlm_async.strategies.guided_program import ONLY_FIND, PROGRAM
from rlm_async.strategies.last_turn import NAMES
from rlm_async.strategies.structured import Misfit, Shape

QUESTION_CHARACTERS = 2_000
"""More than this is no question to search by."""

STEPS = 64
"""Of the program; each is one cell of at most some dozens of sub-queries."""

SPARE_CALLS = 2
"""Model calls that the program leaves for the end."""


@dataclass(frozen=True, slots=True)
class Guided:
    """The strategy `guided`."""

    async def answer(self, frame: Frame) -> Result:
        """What the program found, with its source; or the model's reply to the passages that fit best."""
        Shape.of(frame.query, frame.depth)  # a schema that is none is told before anything is asked
        hunt = _Hunt(frame)
        try:
            await hunt.run()
        except BudgetExceeded as refusal:
            hunt.limit = refusal.resource
        except (SandboxCrashed, SandboxTimeout):
            hunt.limit = "sandbox"
        return await hunt.result()


@dataclass(slots=True)
class _Hunt:
    """One run of the program, and what is known of its findings."""

    frame: Frame
    limit: str | None = None
    found: Mapping[str, Data] = field(default_factory=dict)
    cells: list[tuple[str, Output]] = field(default_factory=list)

    async def run(self) -> None:
        """The program to its end, or to the limit that stops it."""
        facts = Facts.of(self.frame)
        if not await self._cell(_parameters(self.frame, facts) + PROGRAM):
            return
        if facts.levels == 0:
            await self._cell(ONLY_FIND)
            return
        for _ in range(STEPS):
            if not await self._cell("step()"):
                return

    async def _cell(self, code: str) -> bool:
        """Run a piece; whether the program goes on."""
        output = await self.frame.run(code)
        self.cells.append((code, output))
        if output.error is not None or output.outcome != "ok":
            return False
        given = output.answer or output.draft
        if given is not None and isinstance(given.value, Mapping):
            self.found = given.value
        return output.answer is None

    async def result(self) -> Result:
        """The finding worded, or put into its schema; with no finding, a reading of the passages."""
        self.limit = self.limit or self._reported()
        answer = self.found.get("answer")
        shape = Shape.of(self.frame.query, self.frame.depth)
        if answer is None and not self.found.get("passages"):
            return self._nothing()
        if answer is None and self.found.get("read") and shape is None:
            return self._nothing()
        if shape is None and answer is not None:
            return Result(worded(self.found), self.limit)
        if shape is not None and answer is not None:
            try:
                return Result(await shape.fitted(answer), self.limit)
            except Misfit:
                pass  # a short answer seldom is the data that is wanted: the model puts it into form
        return await self._read()

    async def _read(self) -> Result:
        """The model's own reply to what was found, in one prompt."""
        info = self.frame.info(self.frame.query.model)
        shape = Shape.of(self.frame.query, self.frame.depth)
        for size in last_sizes(self.frame):
            room = size.characters if info.window is None else min(size.characters, info.window)
            text = f"{_shown(self.found, room)}\n\nAnswer from the passages above.\n\n{self.frame.query.prompt}"
            tokens = min(size.reply, reply_room(info)) if self.limit else reply_tokens(info)
            exchange = Exchange(self.frame, shape, tokens, last=self.limit is not None)
            try:
                result = await exchange.answer((*advised(self.frame), Message("user", text)))
            except BudgetExceeded as refusal:
                self.limit = self.limit or refusal.resource
            else:
                return Result(result.value, self.limit or result.limit)
        return self._nothing()

    def _reported(self) -> str | None:
        """The limit that the program's sub-queries met, from the texts they failed with."""
        for text in _list(self.found.get("failed")):
            _, kind, message = ([*str(text).split(": ", 2), "", ""])[:3]
            if kind == "FanoutExceeded":
                return "fanout"
            if kind == "BudgetExceeded":
                return next((name for name in NAMES if message.startswith(name)), "calls")
        total, read = self.found.get("total"), self.found.get("read")
        if self.found.get("shape") == "tally" and isinstance(total, int) and isinstance(read, int) and read < total:
            return "fanout"
        return "seconds" if _searched(self.found) else None

    def _nothing(self) -> Result:
        failed = [str(text) for text in _list(self.found.get("failed"))]
        errors = [str(output.error) for _, output in self.cells if output.error is not None]
        read = self.found.get("read")
        if read and self.frame.query.schema is None:
            return Result(
                f"No answer was found in the {read} passages that fit the question best.{_searched(self.found)}",
                self.limit,
            )
        why = (errors or failed or [f"nothing in the input fits the question ({self.limit or 'no match'})"])[0]
        raise Unanswered(f"the guided program found no answer: {why}", (Turn("", tuple(self.cells)),))


def worded(found: Mapping[str, Data]) -> str:
    """A finding as a person is told it: the answer, then where it stands or what it was counted over."""
    answer = str(found.get("answer"))
    at = found.get("at")
    if isinstance(at, Mapping):
        place = f"line {at.get('line')}" if at.get("doc") == "context" else f"{at.get('doc')}, line {at.get('line')}"
        quote = " ".join(str(at.get("quote")).split())
        doubt = "" if found.get("sure") else "\nNot certain: little else in the text supports it."
        return f'{answer}\n\nSource: {place}: "{quote}"{doubt}{_searched(found)}'
    counts = found.get("counts")
    if isinstance(counts, Mapping):
        listed = ", ".join(f"{label}: {count}" for label, count in counts.items())
        return f"{answer}\n\nRead {found.get('read')} of {found.get('total')} texts; {listed}."
    if found.get("shape") == "digest" and found.get("read") != found.get("total"):
        return f"{answer}\n\nRead {found.get('read')} of {found.get('total')} parts, evenly spread."
    return answer


def _searched(found: Mapping[str, Data]) -> str:
    searched, size = found.get("searched"), found.get("size")
    if not isinstance(searched, int) or not isinstance(size, int) or searched >= size:
        return ""
    return f"\nSearched {searched:,} of {size:,} characters."


def _parameters(frame: Frame, facts: Facts) -> str:
    """The program's first lines. `repr` makes literals of whatever the question holds."""
    left = frame.left().get("calls")
    most = facts.limits.fanout if left is None else min(facts.limits.fanout, int(left) - SPARE_CALLS)
    weak = facts.sub.weak
    values: dict[str, object] = {
        "QUESTION": excerpt(frame.query.prompt, QUESTION_CHARACTERS),
        "WAVES": [3, 2, 2] if weak else [8, 8, 8],
        "GROUP": 1 if weak else 20,
        "MOST": max(1, most),
        "PIECE": facts.comfort,
    }
    return "".join(f"{name} = {value!r}\n" for name, value in values.items())


def _shown(found: Mapping[str, Data], room: int) -> str:
    parts = [worded(found)] if found.get("answer") is not None else []
    passages = [passage for passage in _list(found.get("passages")) if isinstance(passage, Mapping)]
    parts += [f"=== {passage.get('doc')} ===\n{passage.get('text')}" for passage in passages]
    return excerpt("\n\n".join(parts), room)


def _list(value: Data) -> Sequence[Data]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
