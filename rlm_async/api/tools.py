"""The caller's own functions, as tools for model-written code."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import anyio.to_thread

from rlm_async.core.data import Data, plain
from rlm_async.errors import ConfigError
from rlm_async.ports import Tool


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


def tools_by_name(tools: Iterable[Callable[..., object] | Tool]) -> dict[str, Tool]:
    """Functions and tools by the names that code calls them by; raises ConfigError for a name given twice."""
    table: dict[str, Tool] = {}
    for given in tools:
        tool: Tool = given if hasattr(given, "line") else FunctionTool.of(given)  # type: ignore[assignment]
        if tool.name in table:
            raise ConfigError(f"two tools are named {tool.name!r}; rename one")
        table[tool.name] = tool
    return table


def _signature(function: Callable[..., object]) -> inspect.Signature | str:
    """As it was written; a built-in function may not know its own."""
    try:
        return inspect.signature(function, eval_str=True)
    except NameError:  # an annotation that only a type checker can resolve
        return inspect.signature(function)
    except ValueError:
        return "(...)"
