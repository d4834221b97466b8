"""What a worker needs and the zygote can make beforehand: its line, and an interpreter over no context yet.

Making an interpreter takes ten times as long as forking a process. So one is made before any worker is, and
each worker gets a copy of it with its fork; `Interpreter.begin` tells it what the session is about.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from rlm_async.sandbox import seccomp, wire
from rlm_async.sandbox.envelope import result_of
from rlm_async.sandbox.line import Line
from rlm_async.sandbox.link import Link
from rlm_async.sandbox.runahead import RunAhead
from rlm_async.sandbox.runahead_scout import Copies
from rlm_async.sandbox.wire import Open, Run

_REHEARSAL = "text = context[:3].upper()\nprint(f'{text}', len(context), [n * 2 for n in range(3)])\ntext"
_LIMITS = {"memory_bytes": 0, "context_bytes": 0, "answer_bytes": 1 << 20, "message_bytes": 1 << 20}
_SIZES = {"output_characters": 1000, "source_characters": 1000, "window": 1, "documents": 1}
_NOBODY = Open(**_LIMITS, **_SIZES, lazy=True, run_ahead=False, tools={}, shape="text")


class Runs(Protocol):
    """What the worker needs of an interpreter."""

    def run(self, source: str) -> Mapping[str, object]:
        """One cell."""
        ...

    def variables(self) -> dict[str, str]:
        """Names with their clipped reprs."""
        ...


@runtime_checkable
class Unbegun(Runs, Protocol):
    """An interpreter that can be told later what its session is about."""

    def begin(self, context: object, settings: Open, /) -> None:
        """As `interpreter.Interpreter.begin`."""
        ...


Maker = Callable[[object, Link, Open], Runs]
"""Makes the interpreter over a context."""


class Draft:
    """The line at descriptor `wire`, which need not be open yet, and the interpreter behind it."""

    def __init__(self, maker: Maker, wire: int) -> None:
        self._maker = maker
        self.line = Line(wire)
        self._copies = Copies(_nothing, 0, 0)
        self.ahead = RunAhead(self.line, self._copies, 1)
        _rehearse(maker)
        drafted = maker("", self.ahead, _NOBODY)
        self._drafted = drafted if isinstance(drafted, Unbegun) else None

    def interpreter(self, context: object, first: Open, let_go: Callable[[], None] | None) -> Runs:
        """The interpreter of the one session that this process serves.

        `let_go` is called in each copy that runs ahead; there are none without it.
        """
        self.ahead.wanted = first.run_ahead and let_go is not None
        self.ahead.window = first.window
        self._copies.begin(let_go or _nothing, first.message_bytes, first.memory_bytes + 2 * first.context_bytes)
        if self._drafted is None:
            return self._maker(context, self.line, first)
        self._drafted.begin(context, first)
        return self._drafted


def _nothing() -> None:
    """There is no copy to let go of anything."""


def _rehearse(maker: Maker) -> None:
    """Run a cell for nobody, so that what happens at the first time has happened in every worker."""
    reader, writer = os.pipe()
    interpreter = maker("a context", Line(writer), _NOBODY)
    wire.frame(result_of(interpreter.run(_REHEARSAL), 0))
    wire.decode_downward(wire.frame(Run(code="", cell=0))[4:])
    interpreter.variables()
    seccomp.packed(fork=True)
    seccomp.packed(fork=False)
    os.close(reader)
    os.close(writer)
