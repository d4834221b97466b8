"""What one cell may use before it is stopped."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLimits:
    """Ceilings of one cell. Time spent waiting for the host is charged to none of them."""

    cpu_seconds: float = 10.0
    """Processor time; measured by the host from the kernel's own clock of the worker."""
    wall_seconds: float = 60.0
    """Time on the clock while no call to the host is open."""
    grace_seconds: float = 0.5
    """Processor time between the polite stop and SIGKILL."""
    memory_bytes: int = 512 * MEBIBYTE
    """Room beyond the interpreter itself and twice its context."""
    output_characters: int = 100_000
    source_characters: int = 200_000
    answer_bytes: int = 8 * MEBIBYTE
    calls: int = 10_000
    """Messages to the host; what lies beyond is answered by an error, twice as many end the worker."""
    message_bytes: int = 16 * MEBIBYTE
    """One message to the host."""
    total_bytes: int = 256 * MEBIBYTE
    """All messages of one cell together."""
    window: int = 64
    """Sub-queries in flight at a time."""
