"""`rlm-async sandbox exec`: run code as if a model had written it, and see what stops it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio

from rlm_async.cli.streams import write, write_line
from rlm_async.cli.text import as_json as json_line
from rlm_async.cli.text import one_line, visible
from rlm_async.contexts import load_async
from rlm_async.core.context import EMPTY
from rlm_async.errors import ConfigError
from rlm_async.sandbox import named
from rlm_async.sandbox.factory import Mode
from rlm_async.sandbox.trial import Report, exec_cells, exec_file

_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Trial:
    """What to run, over which input, behind which walls."""

    file: str
    """A path, or `-`."""
    context: Sequence[str] = ()
    require: Sequence[str] = ()
    without: Sequence[str] = ()
    sandbox: str | None = None
    """Its name, `strict` where there is none; see `sandbox.named`."""


def executed(trial: Trial, *, as_json: bool) -> int:
    """Run it and print what came of it; exit status 0 where all cells ended `ok`, else 1."""
    report = anyio.run(partial(_executed, trial), backend="asyncio")
    if as_json:
        write(f"{json_line(json.loads(json.dumps(report)))}\n", sys.stdout)
    else:
        _show(report)
    return 0 if report["outcome"] == "ok" else 1


async def _executed(trial: Trial) -> Report:
    source = _source(trial.file)
    context = await load_async(list(trial.context)) if trial.context else EMPTY
    name = trial.sandbox or "strict"
    if name in {"strict", "process"}:
        mode: Mode = "strict" if name == "strict" else "process"
        return await exec_file(source, context, require=trial.require, without=trial.without, mode=mode)
    if trial.require or trial.without:
        raise ConfigError(f"--require and --without choose among our own walls; the sandbox {name!r} has its own")
    async with named.opened(name) as factory:
        return await exec_cells(factory, source, context)


def _source(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}; name a file of Python cells, or -") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text: name a file of Python cells") from error


def _show(report: Report) -> None:
    """Output on stdout; the rest, for a person, on stderr."""
    write(visible(str(report["stdout"])), sys.stdout)
    if report["error"]:
        write_line(one_line(str(report["error"]), _LONGEST), sys.stderr)
    variables, layers = report["variables"], report["layers"]
    for name, shown in variables.items() if isinstance(variables, dict) else ():
        write_line(one_line(f"{name} = {shown}"), sys.stderr)
    walls = ", ".join(layers) if isinstance(layers, list) else "unknown"
    write_line(f"outcome: {report['outcome']}; behind {walls}", sys.stderr)
