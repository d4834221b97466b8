"""The interpreter that workers run model-written code with: behind the language policy."""

from __future__ import annotations

from rlm_async.sandbox.interpreter import Interpreter, Settings
from rlm_async.sandbox.link import Link
from rlm_async.sandbox.wire import Open


def make(context: str | list[str] | dict[str, str], link: Link, first: Open) -> Interpreter:
    """A `worker.Maker`."""
    settings = Settings(
        output_characters=first.output_characters,
        source_characters=first.source_characters,
        answer_bytes=first.answer_bytes,
        window=first.window,
        lazy=first.lazy,
        tools=first.tools,
    )
    return Interpreter(context, link, settings)
