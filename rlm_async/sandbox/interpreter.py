"""Runs the cells of one node: one namespace, one cell after the other, each result as plain data."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import CoroutineType, MappingProxyType
from typing import Protocol

from rlm_async.sandbox.faults import CellStopped
from rlm_async.sandbox.handles import touch
from rlm_async.sandbox.link import Link
from rlm_async.sandbox.namespace import Namespace
from rlm_async.sandbox.output import Output
from rlm_async.sandbox.policy import Cell, PolicyError, compile_cell, is_refusal
from rlm_async.sandbox.reports import Report, refusal, report, syntax, told

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """What the host decides for a session."""

    output_characters: int = 100_000
    """Kept of what one cell prints, half of it head and half tail."""
    source_characters: int = 200_000
    answer_bytes: int = 8 * MIB
    window: int = 64
    """Sub-queries in flight at a time."""
    lazy: bool = True
    """False: each query waits for its reply, and nothing is started ahead."""
    tools: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The host's tools: name -> one line about it."""


class Rules(Protocol):
    """What is used of `Settings`; `wire.Open` has it as well."""

    @property
    def output_characters(self) -> int:
        """Kept of what one cell prints."""
        ...

    @property
    def source_characters(self) -> int:
        """The longest cell."""
        ...

    @property
    def answer_bytes(self) -> int:
        """The largest answer."""
        ...

    @property
    def window(self) -> int:
        """Sub-queries in flight at a time."""
        ...

    @property
    def lazy(self) -> bool:
        """Whether calls wait only where their values are needed."""
        ...

    @property
    def tools(self) -> Mapping[str, str]:
        """The host's tools."""
        ...


Result = dict[str, object]
"""`stdout`, `stdout_characters`, `error`, `outcome`, `answer`, `draft`: as `core.transcript.Output`."""


class Interpreter:
    """One REPL over one context."""

    def __init__(self, context: object, link: Link, settings: Rules) -> None:
        self._settings = settings
        self._out = Output(settings.output_characters)
        self._space = Namespace(context, link, settings, self._write)
        self._cells = 0
        self._sources: dict[str, Sequence[str]] = {}

    def begin(self, context: object, settings: Rules) -> None:
        """Before the first cell: serve this session, which was not known when the interpreter was made."""
        self._settings = settings
        self._space.begin(context, settings)

    def run(self, source: str) -> Result:
        """One cell. Whatever the code does, the result is a dict; nothing is raised but a stop from outside of it."""
        result = self._one(source)
        error = result["error"]
        ending = f"{error['type']}: {error['message']}" if isinstance(error, dict) else ""
        self._space.remember(source, self._out.text() + ending)
        return result

    def _one(self, source: str) -> Result:
        self._out = Output(self._settings.output_characters)
        self._cells += 1
        filename = f"<cell {self._cells}>"
        self._space.restore()
        if len(source) > self._settings.source_characters:
            most = self._settings.source_characters
            return self._result(
                "refused", told("PolicyError", f"the code has {len(source):,} characters; at most {most:,}")
            )
        source = _dedented(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nobody reads them here, and a forgotten `await` is told below
            try:
                return self._ran(self._compiled(source, filename), filename)
            except SyntaxError as error:
                return self._result("error", syntax(error, source))
            except PolicyError as error:
                return self._result("refused", refusal(error, source))
            except MemoryError as error:
                return self._result("contained", told("MemoryError", str(error)))

    def variables(self) -> dict[str, str]:
        """The names that code has bound, each with its clipped repr."""
        return self._space.shown()

    def _write(self, text: str) -> None:
        self._out.write(text)

    def _compiled(self, source: str, filename: str) -> Cell:
        before = partial(self._space.rewrite, filename) if self._settings.lazy else None
        cell = compile_cell(source, filename, before=before)
        self._sources[filename] = cell.lines
        return cell

    def _ran(self, cell: Cell, filename: str) -> Result:
        outcome, error, stopped = "ok", None, False
        try:
            self._execute(cell)
        except CellStopped:
            stopped = True
            outcome, error = "contained", told("CellStopped", "the cell was stopped: it ran for too long")
        except Exception as raised:  # noqa: BLE001  # failing code is an output: this is where it becomes one
            outcome, error = _kind(raised), report(raised, filename, self._sources)
        late = self._space.finish(stopped=stopped, failed=error is not None)
        if late is not None:
            outcome, error = _kind(late), report(late, filename, self._sources)
        return self._result(outcome, error)

    def _execute(self, cell: Cell) -> None:
        self._space.execute(cell.code)
        if cell.echo is not None:
            self._echo(self._space.execute(cell.echo))

    def _echo(self, value: object) -> None:
        if isinstance(value, CoroutineType):
            value = self._space.awaited(value)
        value = touch(value)
        if value is None:
            return
        if type(value) is str and len(value) > self._settings.output_characters:
            half = self._settings.output_characters // 2 + 1
            self._out.write(repr(value[:half])[:-1])
            self._out.characters += len(value) - 2 * half
            self._out.write(repr(value[-half:])[1:] + "\n")
        else:
            self._out.write(self._space.repr(value) + "\n")

    def _result(self, outcome: str, error: Report | None) -> Result:
        answer = draft = None
        try:
            answer, draft = self._space.collect()
        except Exception as raised:  # noqa: BLE001  # a value that cannot leave is the code's own error
            if error is None:
                outcome, error = _kind(raised), report(raised, "", self._sources)
        return {
            "stdout": self._out.text(),
            "stdout_characters": self._out.characters,
            "error": error,
            "outcome": outcome,
            "answer": answer,
            "draft": draft,
        }


def _kind(error: Exception) -> str:
    if is_refusal(error):
        return "refused"
    return "contained" if isinstance(error, MemoryError | RecursionError) else "error"


def _dedented(source: str) -> str:
    """A block that was indented as a whole, as in a list of a Markdown text, without that."""
    first = next((line for line in source.splitlines() if line.strip()), "")
    return textwrap.dedent(source) if first[:1] in {" ", "\t"} else source
