"""The caller's own functions, as tools for model-written code."""

from __future__ import annotations

import hashlib
import inspect
import keyword
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import anyio.to_thread

from rlm_async.core.data import Data, canonical, plain
from rlm_async.errors import ConfigError
from rlm_async.ports import Placed, Tool


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A Python function, plain or async, run on the host; a plain one runs in a thread of its own."""

    name: str
    line: str
    function: Callable[..., object]

    @classmethod
    def of(cls, function: Callable[..., object]) -> FunctionTool:
        """Take name, signature and first line from the function itself; raises ConfigError without a usable name."""
        name = getattr(function, "__name__", "")
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
            raise ConfigError(
                f"a tool needs a name that code can call, not {name or function!r}; use a def, not a lambda"
            )
        first = (inspect.getdoc(function) or "").partition("\n")[0]
        signature = f"{name}{_signature(function)}"
        return cls(name, f"{signature}: {first}" if first else signature, function)

    async def __call__(self, *arguments: Data, **named: Data) -> Data:
        """Run the function and make plain data of what it returns."""
        bound = partial(self.function, *arguments, **named)
        if inspect.iscoroutinefunction(self.function):
            value = bound()
        else:
            value = await anyio.to_thread.run_sync(bound, abandon_on_cancel=True)
        return plain(await value if inspect.isawaitable(value) else value)


def _signature(function: Callable[..., object]) -> inspect.Signature | str:
    """As it was written; a built-in function may not know its own."""
    try:
        return inspect.signature(function, eval_str=True)
    except NameError:  # an annotation that only a type checker can resolve
        return inspect.signature(function)
    except ValueError:
        return "(...)"


class ToolMemory(Protocol):
    """Where what tools returned lasts, so that a run that is taken up again does not call them again."""

    def recall_tool(self, key: str) -> tuple[int, Told | None]:
        """Which of several equal calls this is, and what the same one returned before, if that is known."""
        ...

    def keep_tool(self, key: str, occurrence: int, value: Data) -> None:
        """Keep what a call returned that was not recalled."""
        ...


class Told(Protocol):
    """What a call returned."""

    @property
    def value(self) -> Data:
        """The plain data."""
        ...


@dataclass(frozen=True, slots=True)
class RememberedTool:
    """A tool whose results last. One that failed is called again."""

    tool: Tool
    memory: ToolMemory

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.tool.name

    @property
    def line(self) -> str:
        """The tool's line in the prompt."""
        return self.tool.line

    @property
    def depths(self) -> Collection[int] | None:
        """The tool's depths."""
        return self.tool.depths if isinstance(self.tool, Placed) else None

    async def __call__(self, *arguments: Data, **named: Data) -> Data:
        """What it returned before, else what it returns now."""
        key = call_key(self.name, arguments, named)
        occurrence, told = self.memory.recall_tool(key)
        if told is not None:
            return told.value
        value = await self.tool(*arguments, **named)
        self.memory.keep_tool(key, occurrence, value)
        return value


def remembered(tools: Mapping[str, Tool], memory: ToolMemory) -> dict[str, Tool]:
    """The same tools, with a memory."""
    return {name: RememberedTool(tool, memory) for name, tool in tools.items()}


def call_key(name: str, arguments: Sequence[Data], named: Mapping[str, Data]) -> str:
    """BLAKE2b-128 over a call, in hexadecimal."""
    parts = canonical([name, list(arguments), dict(named)])
    return hashlib.blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
