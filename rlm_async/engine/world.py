"""What all frames of one run share: its name, its clock and deadline, its scheduler, its trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from rlm_async.core.budget import UNLIMITED, Budget
from rlm_async.core.messages import Completion, Request
from rlm_async.core.transcript import Submission
from rlm_async.engine.equipment import Equipment
from rlm_async.engine.recorder import Recorder
from rlm_async.engine.scheduler import Scheduler


class OpenFrame(Protocol):
    """What one frame may know of another."""

    @property
    def deadline(self) -> float:
        """When it turns to its last turn, by the event loop's clock."""
        ...

    @property
    def found(self) -> Submission | None:
        """The best that its code has put forward so far."""
        ...


class MadeAhead(Protocol):
    """A request that was made before the node that it is for."""

    async def completion(self, request: Request) -> Completion | None:
        """The completion of an equal request, if there is one; waits for it."""
        ...


class Outlay(Protocol):
    """What one node has ahead of its code."""

    def open(self, resource: str) -> int:
        """What is spent and held for requests that its code may still ask for: calls, tokens, nano-dollars."""
        ...

    @property
    def coming(self) -> int:
        """Requests that were started and hold nothing yet."""
        ...


@dataclass(slots=True, eq=False)
class World:
    """The world of one root query; lives exactly as long."""

    name: str
    equipment: Equipment
    record: Recorder
    scheduler: Scheduler
    deadline: float
    """When everything ends, by the event loop's clock; infinity without a limit."""
    foretold: dict[int, MadeAhead] = field(default_factory=dict)
    """What was asked ahead for nodes that came to be, by id."""
    ahead: set[Outlay] = field(default_factory=set)
    """The nodes that have anything ahead: all of them share one allowance."""
    purse: Budget = field(default_factory=lambda: Budget("ahead of all code", UNLIMITED))
    """What all requests ahead of any code have spent and hold, beside the ledger that they are charged to."""
    frames: dict[int, OpenFrame] = field(default_factory=dict)
    """The nodes that are being answered now, by id."""
