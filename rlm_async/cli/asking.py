"""One question from the command line: read the input, watch the run, end in good order whatever happens."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TextIO

import anyio

from rlm_async.cli.choice import composed, introduction
from rlm_async.cli.interruption import Interruption, interruptible
from rlm_async.cli.options import Choices
from rlm_async.cli.progress import Progress
from rlm_async.cli.report import Ending, answer_json, answer_text, error_line, read_line, summary, verdict
from rlm_async.cli.streams import write, write_line
from rlm_async.cli.telemetry import exported
from rlm_async.cli.views import View, view, watch
from rlm_async.contexts import load_async
from rlm_async.core.answer import Answer
from rlm_async.core.context import EMPTY, Context
from rlm_async.errors import ConfigError, RLMError

NOTES = 5
"""Lines about files that were left out; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as it was typed."""

    question: str
    paths: Sequence[str] = ()
    choices: Choices
    given_model: str | None = None
    """What `--model` said."""
    schema: Mapping[str, object] | str | None = None
    """A JSON Schema, or the name of one that the profile brings."""
    cite: bool = False
    quiet: bool = False
    color: bool = True


def printed(make: Callable[[], Asked], *, as_json: bool, quiet: bool) -> int:
    """Ask what `make` makes of the command line, print how it ended, and return the exit status."""
    with exported(quiet=quiet):  # what it has to wait for comes after the answer
        return _printed(make, as_json=as_json, quiet=quiet)


def _printed(make: Callable[[], Asked], *, as_json: bool, quiet: bool) -> int:
    try:
        ending = answered(make(), sys.stderr)
    except RLMError as error:
        ending = Ending(error=error)
    write(answer_json(ending) if as_json else answer_text(ending), sys.stdout)
    if ending.error is not None:
        write_line(error_line(ending.error), sys.stderr)
    for line in (verdict(ending), summary(ending)):
        if line is not None and not quiet:
            write_line(line, sys.stderr)
    return ending.exit_status


def answered(asked: Asked, stderr: TextIO) -> Ending:
    """Ask, and return how it ended; never raises for what a person can cause. Main thread only."""
    if not asked.question.strip():
        return Ending(error=ConfigError("the question is empty; say what you want to know about the input"))
    seen, progress = view(stderr, time.monotonic, quiet=asked.quiet, color=asked.color)
    with _logged(seen):
        return anyio.run(partial(_run, asked, seen, progress), backend="asyncio")  # litellm knows no other loop


async def _run(asked: Asked, seen: View, progress: Progress) -> Ending:
    ending = Ending(progress=progress)
    with anyio.CancelScope() as scope, interruptible(scope.cancel, seen.abandon) as interruption:
        try:
            ending = Ending(progress=progress, answer=await _watched(asked, seen))
        except RLMError as error:
            ending = Ending(progress=progress, answer=_begun(error), error=error)
        finally:
            with suppress(OSError):  # the terminal itself may be gone: that is what SIGHUP tells
                seen.close()
    return _signalled(ending, interruption)


async def _watched(asked: Asked, seen: View) -> Answer:
    """The answer, while the view is kept up to date; an error leaves the task group as itself."""
    failures: list[RLMError] = []
    answers: list[Answer] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch, seen)
        try:
            answers.append(await _asked(asked, seen))
        except RLMError as error:
            failures.append(error)
        tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]
    return answers[0]


async def _asked(asked: Asked, seen: View) -> Answer:
    choices = asked.choices
    if (line := introduction(choices.model, asked.given_model, os.environ)) is not None:
        seen.say(line)
    async with composed(choices, seen) as rlm:
        context = await load_async(list(asked.paths)) if asked.paths else EMPTY
        _tell(context, seen)
        return await rlm.ask(asked.question, context, schema=asked.schema, cite=asked.cite)


def _tell(context: Context, seen: View) -> None:
    """What was read, and what was not."""
    if context is EMPTY:
        return
    seen.say(f"read {read_line(context)}")
    for note in context.notes[:NOTES]:
        seen.say(f"  {note}")
    if len(context.notes) > NOTES:
        seen.say(f"  and {len(context.notes) - NOTES:,} more remarks")


def _begun(error: RLMError) -> Answer | None:
    """The failed answer that an error carries where a run had begun."""
    answer = getattr(error, "answer", None)
    return answer if isinstance(answer, Answer) else None


def _signalled(ending: Ending, interruption: Interruption) -> Ending:
    """The ending, unless a signal came before there was one."""
    if interruption.signal is None or ending.error is not None or ending.answer is not None:
        return ending
    return Ending(progress=ending.progress, signal=interruption.signal)


@contextmanager
def _logged(seen: View) -> Iterator[None]:
    """Warnings of ours become lines of the view for the length of the block; they must not tear the tree."""
    handler = _ToView(seen)
    log = logging.getLogger("rlm_async")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


class _ToView(logging.Handler):
    """Hands log records to a view, without tracebacks."""

    def __init__(self, seen: View) -> None:
        super().__init__(logging.WARNING)
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        self._seen.say(f"{record.levelname.lower()}: {record.getMessage()}")
