"""What a run is given: the implementations that the composition root has picked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rlm_async.core.budget import Budget
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.core.usage import Limits
from rlm_async.engine.recorder import Clock
from rlm_async.ports import Catalogue, Model, Placed, SandboxFactory, Sink, Strategy, Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """Ports and settings, fixed for the length of a run."""

    model: Model
    """Answers requests for any of `models`, by `Request.model`."""
    info: Catalogue
    sandboxes: SandboxFactory
    strategies: Mapping[str, Strategy]
    sub_model: str
    models: frozenset[str]
    """The names that sub-queries may ask for."""
    clock: Clock
    """Seconds from any beginning; the event loop's own."""
    limits: Limits = field(default_factory=Limits)
    tools: Mapping[str, Tool] = field(default_factory=dict)
    profile: Profile = PLAIN
    """What every node of the run is tailored to, those apart whose query names the plain one."""
    sinks: Sequence[Sink] = ()
    run_ahead: bool = True
    """Whether requests may be made before the code asks for them."""
    above: Budget | None = None
    """The ledger of a batch, where the run is part of one: what is spent here counts there too."""

    def lent(self, depth: int) -> Mapping[str, Tool]:
        """The tools that a node of this depth has, by name."""
        return {name: tool for name, tool in self.tools.items() if _reaches(tool, depth)}


def _reaches(tool: Tool, depth: int) -> bool:
    return not isinstance(tool, Placed) or tool.depths is None or depth in tool.depths
