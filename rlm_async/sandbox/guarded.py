"""The interpreter that workers run model-written code with: behind the language policy."""

from __future__ import annotations

from rlm_async.sandbox.interpreter import Interpreter
from rlm_async.sandbox.link import Link
from rlm_async.sandbox.wire import Open


def make(context: object, link: Link, first: Open) -> Interpreter:
    """A `draft.Maker`."""
    return Interpreter(context, link, first)
