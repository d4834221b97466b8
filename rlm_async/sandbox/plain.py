"""Python as it is, with no policy: for trying the kernel's walls by themselves (`--without policy`).

Same shape as `interpreter.Interpreter`; code that runs here can reach everything in its process.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import errno
import io
import types
from collections.abc import Mapping
from typing import Protocol

from rlm_async.sandbox.faults import CellStopped
from rlm_async.sandbox.link import Link

_TOOLS = """
asyncio collections concurrent.futures ctypes datetime errno fcntl functools gc hashlib inspect io itertools json
marshal math mmap
multiprocessing os pickle random re resource select shutil signal socket statistics string struct subprocess
sys tempfile threading time traceback types zlib
"""
AT_HAND = tuple(_TOOLS.split())
"""Modules loaded before the file system closes: an attacker is to find every tool ready."""
_NAME_CLIP = 200


class Settings(Protocol):
    """What is used of `interpreter.Settings`."""

    output_characters: int


class Interpreter:
    """Runs cells by `exec` in one namespace."""

    def __init__(self, context: object, link: Link, settings: Settings) -> None:
        self._link = link
        self._most = settings.output_characters
        self._given = {"context": context, "llm_query": self._ask, "__builtins__": builtins, "__name__": "__main__"}
        self._names: dict[str, object] = dict(self._given)

    def run(self, source: str) -> dict[str, object]:
        """One cell; the result as `interpreter.Interpreter.run` gives it."""
        out = _Clipped(self._most)
        result: dict[str, object] = {"outcome": "ok", "error": None, "answer": None, "draft": None}
        try:
            code = compile(source, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            with contextlib.redirect_stdout(out):
                types.FunctionType(code, self._names)()
        except CellStopped:
            result["outcome"] = "contained"
        except BaseException as error:  # noqa: BLE001 - whatever the code raises is data
            result.update(_told(error))
        return {**result, "stdout": out.text(), "stdout_characters": out.count}

    def variables(self) -> dict[str, str]:
        """Names that the code has bound."""
        return {
            name: repr(value)[:_NAME_CLIP]
            for name, value in self._names.items()
            if name not in self._given and not name.startswith("_")
        }

    def _ask(self, prompt: str) -> object:
        fields = {"kind": "llm", "prompt": prompt, "context": None, "model": None, "schema": None}
        ticket = self._link.call("query", {**fields, "sample": 0, "cached": True, "grant": {}})
        self._link.wait([ticket])
        reply = self._link.take(ticket)
        if isinstance(reply, Mapping) and reply.get("error"):
            raise RuntimeError(f"{reply['error']}: {reply['message']}")
        return reply["value"] if isinstance(reply, Mapping) else reply


class _Clipped(io.TextIOBase):
    """Keeps the first characters of what is printed, and counts the rest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[str] = []
        self.count = 0

    def write(self, text: str, /) -> int:
        room = self._most - self.count
        if room > 0:
            self._parts.append(text[:room])
        self.count += len(text)
        return len(text)

    def text(self) -> str:
        return "".join(self._parts)


def _told(error: BaseException) -> dict[str, object]:
    walls = isinstance(error, OSError) and error.errno in {errno.EPERM, errno.EACCES}
    full = isinstance(error, MemoryError | RecursionError | BlockingIOError)
    try:
        message = str(error)[:1000]
    except BaseException:  # noqa: BLE001 - a hostile __str__
        message = "?"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and trace.tb_next.tb_frame.f_code.co_filename == "<cell>":
        trace = trace.tb_next
    line = trace.tb_next.tb_lineno if trace is not None and trace.tb_next is not None else 0
    return {
        "outcome": "refused" if walls else "contained" if full else "error",
        "error": {"type": type(error).__name__, "message": message, "line": line, "source": ""},
    }


def make(context: object, link: Link, first: Settings) -> Interpreter:
    """A `draft.Maker`."""
    return Interpreter(context, link, first)
