"""Which points a command asks for, in an order that makes each window once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from rlm_async.bench.points import ARMS, Arm, Clock, Point
from rlm_async.bench.sim.profile import simulated
from rlm_async.bench.windows import Task
from rlm_async.errors import ConfigError

UNCHUNKED: frozenset[Arm] = frozenset({"direct"})
"""Arms in which nothing is cut into chunks or asked at the same time: these are run once, not for every value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Everything that is varied; each empty sequence takes a task's own default."""

    models: Sequence[tuple[str, str]]
    """Model and sub-model."""
    arms: Sequence[Arm]
    sizes: Sequence[int] = ()
    seeds: int = 3
    concurrency: Sequence[int] = (64,)
    chunks: Sequence[int] = (40,)
    budgets: Sequence[float | None] = (None,)
    policies: Sequence[str] = ("map-reduce",)
    syntax_errors: Sequence[float] = (0.0,)
    shared: Sequence[bool] = (True,)
    clock: Clock = "real"

    def __post_init__(self) -> None:
        """Raise ConfigError for what cannot be run."""
        if self.seeds < 1:
            raise ConfigError("--seeds: use 1 or more; intervals need several windows")
        for model in {name for pair in self.models for name in pair}:
            if self.clock == "virtual" and (not simulated(model) or "/" in model):
                raise ConfigError(f"--clock virtual: only a simulated model has virtual time, not {model!r}")
        for share in self.budgets:
            if share is not None and not 0 < share < 1:
                raise ConfigError("--budget: use none, or parts of what is used without one, such as 50% or 0.25")


def points(sweep: Sweep, tasks: Mapping[str, Task]) -> Iterator[Point]:
    """The points of a sweep, window by window, each once."""
    for task in tasks.values():
        for size, seed in product(sweep.sizes or task.sizes, range(sweep.seeds)):
            yield from dict.fromkeys(_of_window(sweep, task, size, seed))


def _of_window(sweep: Sweep, task: Task, size: int, seed: int) -> Iterator[Point]:
    varied = product(
        sweep.models, sweep.arms, sweep.concurrency, sweep.chunks, sweep.budgets, sweep.policies,
        sweep.syntax_errors, sweep.shared,
    )  # fmt: skip
    for (model, sub), arm, concurrency, chunk, budget, policy, errors, shared in varied:
        if arm in UNCHUNKED and budget is not None:
            continue
        whole = arm in UNCHUNKED
        yield Point(
            task=task.name,
            size=size,
            seed=seed,
            arm=arm,
            model=model,
            sub_model=sub,
            concurrency=1 if whole else concurrency,
            chunk=0 if whole else chunk,
            budget=budget,
            policy="map-reduce" if whole else policy,
            syntax_errors=0.0 if whole or arm == "map-reduce" else errors,
            shared=shared or whole,
            clock=sweep.clock,
            data=task.data,
        )


def arm_named(name: str) -> Arm:
    """An arm by its name, or by a depth; raises ConfigError."""
    wanted = f"depth {name}" if name.isdigit() else name
    for arm in ARMS:
        if arm == wanted:
            return arm
    raise ConfigError(
        f"there is no arm {name!r}; choose from: 0, 1, 2, 3, {', '.join(a for a in ARMS if ' ' not in a)}"
    )
