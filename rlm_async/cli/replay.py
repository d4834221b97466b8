"""`rlm-async replay RUN`: play a run again, all of it with no model or a part of it with one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio

from rlm_async.api.replaying import Change, Replayed, replay, replay_from
from rlm_async.api.wiring import Wiring
from rlm_async.cli.amounts import count
from rlm_async.cli.report import FAILED, Ending, answer_text, error_line, summary, verdict
from rlm_async.cli.report import fields as ending_fields
from rlm_async.cli.runs_place import place
from rlm_async.cli.streams import write, write_line
from rlm_async.cli.text import as_json as json_line
from rlm_async.cli.views import View, view, watch
from rlm_async.contexts import load_async
from rlm_async.core.context import Context
from rlm_async.core.usage import Rates
from rlm_async.errors import ConfigError, RLMError
from rlm_async.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A replay as it was typed."""

    run: str = "last"
    paths: Sequence[str] = ()
    journal: str | None = None
    node: int | None = None
    model: str | None = None
    prompt: str | None = None
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    quiet: bool = False
    color: bool = True


def played(asked: Asked, *, as_json: bool) -> int:
    """Play the run again, print its answer and how it compares.

    The exit status is the answer's, or 1 where a replay comes to another answer.
    """
    if asked.node is None and (asked.model is not None or asked.prompt is not None):
        raise ConfigError("--model and --prompt say what is other from a node on: name it with --from")
    seen, progress = view(sys.stderr, time.monotonic, quiet=asked.quiet, color=asked.color)
    with Journal(place(asked.journal, os.environ), create=False) as journal:
        done = anyio.run(partial(_watched, asked, journal, seen), backend="asyncio")
    ending = Ending(progress=progress, answer=done.answer, error=done.answer.error)
    if as_json:
        told = {**ending_fields(ending), "same": done.same, "recalled": done.recalled, "strayed": done.strayed}
        write(f"{json_line(told)}\n", sys.stdout)
    else:
        write(answer_text(ending), sys.stdout)
    _tell(asked, done, ending)
    if asked.node is None and not done.same:
        return FAILED
    return ending.exit_status


async def _watched(asked: Asked, journal: Journal, seen: View) -> Replayed:
    failures: list[RLMError] = []
    found: list[Replayed] = []
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch, seen)
            try:
                found.append(await _played(asked, journal, seen))
            except RLMError as error:
                failures.append(error)
            tasks.cancel_scope.cancel()
    finally:
        seen.close()
    if failures:
        raise failures[0]
    return found[0]


async def _played(asked: Asked, journal: Journal, seen: View) -> Replayed:
    context: Context | None = await load_async(list(asked.paths)) if asked.paths else None
    if asked.node is None:
        return await replay(journal, asked.run, context=context, sinks=(seen,))
    record = journal.run(asked.run)
    model = asked.model or record.model
    wiring = Wiring(
        models=(model, model),
        endpoint=(asked.api_base, asked.api_key),
        rates=Rates(),
        sandbox=None,
        run_ahead=True,
    )
    change = Change(node=asked.node, model=asked.model, prompt=asked.prompt)
    return await replay_from(journal, asked.run, change, wiring, context=context, sinks=(seen,))


def _tell(asked: Asked, done: Replayed, ending: Ending) -> None:
    """What a person wants to know beside the answer."""
    if ending.error is not None:
        write_line(error_line(ending.error), sys.stderr)
    if asked.quiet:
        return
    for line in (verdict(ending), summary(ending)):
        if line is not None:
            write_line(line, sys.stderr)
    asking = "nothing was asked" if asked.node is None else f"the rest was asked; kept as {done.answer.run}"
    write_line(f"{count(done.recalled, 'reply')} from the journal, {asking}", sys.stderr)
    if done.strayed:
        write_line(
            f"{count(done.strayed, 'prompt')} came out other than then (code that depends on time, chance or order): "
            "answered with the reply of the same place",
            sys.stderr,
        )
    if asked.node is None:
        write_line(
            "the same answer" if done.same else "not the answer that the run had: see rlm-async diff", sys.stderr
        )
