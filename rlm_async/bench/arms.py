"""The arms of a comparison: a direct call, each depth, a fixed map-reduce program, and `auto`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from rlm_async.api import RLM
from rlm_async.bench.points import Point
from rlm_async.bench.sim.knowledge import Knowledge
from rlm_async.bench.sim.model import SimulatedModel
from rlm_async.bench.sim.planner import GIVE_UP, Planner
from rlm_async.bench.sim.profile import PROFILES, profile_named, simulated
from rlm_async.bench.sim.programs import POLICIES, Policy
from rlm_async.bench.stepped import Stepped
from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Request
from rlm_async.core.profile import Profile
from rlm_async.core.usage import Limits, ModelInfo, Price, Rates, Usage
from rlm_async.errors import ConfigError
from rlm_async.journal import Journal
from rlm_async.ports import Model

FANOUT = 100_000
PROGRAM = "the fixed program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where models that are not simulated here are asked."""

    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)


class FixedProgram:
    """Plays a root that needs no thought: its program is written by us, costs nothing, and takes no time."""

    def __init__(self, policy: Policy) -> None:
        """Write programs of this policy."""
        self.info = ModelInfo(name=PROGRAM, price=Price(prompt=0.0, completion=0.0))
        self._policy = policy

    async def __call__(self, request: Request, budget: Budget) -> Completion:  # noqa: ARG002 - part of the port
        """The program for the question of the conversation."""
        planner = Planner(PROFILES["sim-oracle"], self._policy, Random(0))
        steps = planner.steps(request.messages)
        said = sum(message.role == "assistant" for message in request.messages)
        code = steps[said + 1] if said + 1 < len(steps) else GIVE_UP  # without the look
        usage = Usage(calls=1, prompt_tokens=1, completion_tokens=1)
        return Completion(text=f"```repl\n{code}\n```", usage=usage, model=PROGRAM)


def rlm_for(
    point: Point,
    knowledge: Knowledge,
    endpoint: Endpoint,
    usd: float | None = None,
    journal: Journal | None = None,
    profile: str | Profile = "auto",
) -> RLM:
    """The RLM that answers a point's questions, with at most `usd` dollars for each, kept in `journal`."""
    policy = policy_of(point)
    model = _model(point.model, policy, point, knowledge)
    sub = model if point.sub_model == point.model else _model(point.sub_model, policy, point, knowledge)
    strategy = {"direct": "direct", "auto": "auto"}.get(point.arm, "repl")
    if point.arm == "map-reduce":
        model = FixedProgram(policy)
    return RLM(
        model,
        sub_model=sub,
        api_base=endpoint.api_base,
        api_key=endpoint.api_key,
        limits=Limits(depth=point.depth, fanout=FANOUT, calls=None, tokens=None, usd=usd),
        rates=Rates(concurrency=point.concurrency),
        strategy=strategy,
        sandbox=Stepped(window=max(64, point.concurrency)) if point.clock == "virtual" else None,
        journal=journal,
        profile=profile,
    )


def policy_of(point: Point) -> Policy:
    """How programs are written in a point; raises ConfigError for a policy that there is not."""
    if point.policy not in POLICIES:
        raise ConfigError(f"there is no policy {point.policy!r}; choose one of: {', '.join(POLICIES)}")
    errors = 0.0 if point.arm == "map-reduce" else point.syntax_errors
    return Policy(name=point.policy, chunk=point.chunk, syntax_errors=errors, shared=point.shared)


def model_usage(by_model: Mapping[str, Usage]) -> Usage:
    """What all models used together; the fixed program is none."""
    total = Usage()
    for name, usage in by_model.items():
        if name != PROGRAM:
            total += usage
    return total


def _model(name: str, policy: Policy, point: Point, knowledge: Knowledge) -> str | Model:
    """A simulated model as an object; any other by its name."""
    if "/" in name or not simulated(name):
        return name
    return SimulatedModel(profile_named(name), knowledge, policy=policy, seed=point.seed)
