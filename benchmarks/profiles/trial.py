"""One question in one arm: a scripted root, a simulated leaf, what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio.lowlevel

from rlm_async import RLM, Limits, Rates
from rlm_async.bench.score import Kind, scored
from rlm_async.bench.sim.knowledge import Knowledge
from rlm_async.bench.sim.model import SimulatedModel
from rlm_async.bench.sim.planner import GIVE_UP, LOOK
from rlm_async.bench.sim.profile import DEAR, profile_named
from rlm_async.core.budget import Budget
from rlm_async.core.context import Context
from rlm_async.core.messages import Completion, Request
from rlm_async.core.profile import Profile
from rlm_async.core.tokens import estimate_tokens
from rlm_async.core.usage import ModelInfo, Usage

ROOT = "the scripted root"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A question about a context, its gold answer, and the program that a root writes in each arm."""

    window: int
    family: str
    context: Context
    question: str
    gold: str
    kind: Kind
    knowledge: Knowledge = field(repr=False)
    programs: dict[str, str] = field(repr=False)
    """By arm; `without` is the one without the profile."""


@dataclass(frozen=True, kw_only=True)
class Result:
    case: Case
    arm: str
    leaf: str
    score: float
    calls: int
    tokens: int
    said: str


class ScriptedRoot:
    """Looks, then writes the program of the case. Its prompts are counted as they are, profile and all."""

    def __init__(self, program: str) -> None:
        self.info = ModelInfo(name=ROOT, window=400_000, price=DEAR)
        self._steps = (LOOK, program)

    async def __call__(self, request: Request, budget: Budget) -> Completion:  # noqa: ARG002 - part of the port
        done = sum(message.role == "assistant" for message in request.messages)
        code = self._steps[done] if done < len(self._steps) else GIVE_UP
        prompt = sum(estimate_tokens(message.text) + 4 for message in request.messages)
        usage = Usage(calls=1, prompt_tokens=prompt, completion_tokens=estimate_tokens(code))
        return Completion(text=f"```repl\n{code}\n```", usage=usage, model=ROOT)


async def at_once(seconds: float) -> None:
    """No waiting: nothing here is timed."""
    await anyio.lowlevel.checkpoint()


async def tried(case: Case, arm: str, leaf: str, profile: Profile) -> Result:
    """The case in an arm, in the jail, with everything that was asked counted."""
    model = SimulatedModel(profile_named(leaf), case.knowledge, sleep=at_once)
    rlm = RLM(
        ScriptedRoot(case.programs[arm]),
        sub_model=model,
        strategy="repl",
        profile="plain" if arm == "without" else profile,
        limits=Limits(depth=1, fanout=100_000, calls=None, tokens=None, seconds=None, consecutive_errors=1),
        rates=Rates(concurrency=64),
        run_ahead=False,
    )
    answer = await rlm.ask(case.question, case.context)
    score = scored(case.kind, answer.text, case.gold)
    return Result(
        case=case,
        arm=arm,
        leaf=leaf,
        score=score,
        calls=answer.usage.calls,
        tokens=answer.usage.tokens,
        said=answer.text[:2000],
    )
