"""Try the wall: run a file of cells in a sandbox, with sub-queries answered by a stub."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rlm_async.core.context import Context
from rlm_async.core.data import Data
from rlm_async.core.query import Reply, SubQuery
from rlm_async.core.transcript import Output
from rlm_async.errors import SandboxCrashed
from rlm_async.ports import Sandbox as SandboxPort
from rlm_async.ports import SandboxFactory
from rlm_async.sandbox.factory import Mode, Sandbox
from rlm_async.sandbox.limits import CellLimits

_SEPARATOR = re.compile(r"^# %%.*$", re.MULTILINE)
_WORST = ("ok", "error", "refused", "contained", "killed")
_ECHOED = 40
_FAILING = "host_fails"
Report = dict[str, object]


async def exec_file(
    source: str,
    context: str | Sequence[str] | Mapping[str, str] | Context = "",
    *,
    require: Sequence[str] = (),
    without: Sequence[str] = (),
    mode: Mode = "strict",
    cell: CellLimits | None = None,
) -> Report:
    """Run the cells of `source`, separated by lines that begin with `# %%`, in one session.

    Returns `{"outcome", "stdout", "error", "variables", "layers"}`: the worst outcome of all cells, all that
    was printed, the text of the last error or None, variables with their clipped reprs. A cell whose output was
    cut counts as `contained`. The first cell that does not end `ok` does not keep the later ones from running.
    The host answers sub-queries with `yes: ` and the prompt's first 40 characters, and lends one tool,
    `host_fails`, that always fails. Raises SandboxUnavailable, ConfigError.
    """
    async with Sandbox(mode=mode, require=require, without=without, cell=cell, warm=0) as factory:
        return await exec_cells(factory, source, context)


async def exec_cells(
    factory: SandboxFactory, source: str, context: str | Sequence[str] | Mapping[str, str] | Context = ""
) -> Report:
    """As `exec_file`, in a session of a factory that is there already."""
    outputs: list[Output] = []
    async with factory.open(Context.of(context), _Stub()) as sandbox:
        for code in cells(source):
            output = await _run(sandbox, code)
            outputs.append(output)
            if output.outcome == "killed" and not output.lost:
                return _report(outputs, {}, sandbox.layers)
        return _report(outputs, await _variables(sandbox), sandbox.layers)


def cells(source: str) -> list[str]:
    """The cells of a file; blank ones are left out, line numbers are those of the cell."""
    return [cell for cell in _SEPARATOR.split(source) if cell.strip()]


async def _run(sandbox: SandboxPort, code: str) -> Output:
    try:
        output = await sandbox.run(code)
    except SandboxCrashed:
        # Nothing to go on from: for whoever tries the wall, that is an outcome like others.
        return Output(outcome="killed")
    cut = output.stdout_characters > len(output.stdout)
    return replace(output, outcome="contained") if cut and output.outcome == "ok" else output


async def _variables(sandbox: SandboxPort) -> Mapping[str, str]:
    try:
        return await sandbox.variables()
    except SandboxCrashed:
        return {}  # what fills the memory cannot be shown


def _report(outputs: Sequence[Output], variables: Mapping[str, str], layers: tuple[str, ...]) -> Report:
    errors = [str(output.error) for output in outputs if output.error is not None]
    return {
        "outcome": max((output.outcome for output in outputs), key=_WORST.index, default="ok"),
        "stdout": "".join(output.stdout for output in outputs),
        "error": errors[-1] if errors else None,
        "variables": dict(variables),
        "layers": list(layers),
    }


@dataclass(frozen=True, slots=True)
class _Stub:
    """A host that answers every sub-query with `yes: ` and the first characters of its prompt.

    Its one tool fails, so that what code learns of an error of the host can be tried as well.
    """

    @property
    def tools(self) -> Mapping[str, str]:
        return {_FAILING: f"{_FAILING}(*arguments): a tool that always fails"}

    async def spawn(self, queries: Sequence[SubQuery]) -> list[Reply]:
        return [Reply("yes: " + query.prompt[:_ECHOED]) for query in queries]

    async def tool(self, name: str, arguments: Sequence[Data], named: Mapping[str, Data]) -> Reply:
        del arguments, named
        return Reply(error="ToolError", message=f"the tool {name!r} failed", status="failed")

    def budget(self) -> Mapping[str, float | None]:
        return {"calls": None, "tokens": None, "usd": None, "seconds": None, "depth": None}
