"""What all frames of one run share: its name, its clock and deadline, its scheduler, its trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rlm_async.engine.equipment import Equipment
from rlm_async.engine.recorder import Recorder
from rlm_async.engine.scheduler import Scheduler

if TYPE_CHECKING:
    from rlm_async.engine.frame import ActiveFrame


@dataclass(slots=True, eq=False)
class World:
    """The world of one root query; lives exactly as long."""

    name: str
    equipment: Equipment
    record: Recorder
    scheduler: Scheduler
    deadline: float
    """When everything ends, by the event loop's clock; infinity without a limit."""
    frames: dict[int, ActiveFrame] = field(default_factory=dict)
    """The nodes that are being answered now, by id."""
