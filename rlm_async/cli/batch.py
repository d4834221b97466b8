"""`rlm-async batch`: look through the items, say what it will cost, answer them, end in good order."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from rlm_async.batch.estimate import Estimate, Setting, Spent, estimated
from rlm_async.batch.results import Kept, Results
from rlm_async.batch.run import Batch, Stop
from rlm_async.batch.sources import Form, in_thread, items_of, over_each
from rlm_async.batch.survey import Survey, surveyed
from rlm_async.batch.tables import SUFFIXES, Row, rows
from rlm_async.batch.template import Template
from rlm_async.cli.amounts import count
from rlm_async.cli.batch_job import Settings, opened
from rlm_async.cli.batch_progress import ProgressLine, Tally, failures, plain, told
from rlm_async.cli.batch_where import Where, executor_of
from rlm_async.cli.choice import introduction
from rlm_async.cli.interruption import SIGNALLED, Interruption, interruptible
from rlm_async.cli.options import Choices, limits
from rlm_async.cli.report import COMPLETE, FAILED, PARTIAL
from rlm_async.cli.streams import write_line
from rlm_async.cli.telemetry import exported
from rlm_async.cli.text import as_json
from rlm_async.contexts import load_async
from rlm_async.core.context import EMPTY, Context
from rlm_async.core.items import Item, ItemResult
from rlm_async.core.usage import Limits
from rlm_async.errors import ConfigError, RLMError

JOURNAL = "RLM_ASYNC_JOURNAL"


@dataclass(frozen=True, slots=True)
class What:
    """Items as they were named: a table, paths, a question for all of them, whether each document is an item."""

    questions: str | None = None
    paths: tuple[str, ...] = ()
    question: str | None = None
    each: bool = False

    def settled(self) -> What:
        """With `--question` and `--each` the first argument may be a path already; raises ConfigError."""
        if self.questions is None:
            raise ConfigError(
                "name a file of questions (.jsonl, .csv, .tsv, .parquet), or --question, --each and paths"
            )
        if self.question is not None and self.each and not self.questions.lower().endswith(SUFFIXES):
            return What(None, (self.questions, *self.paths), self.question, each=True)
        if self.each and not self.paths:
            raise ConfigError("--each asks about every document by itself: name files or folders")
        if not Path(self.questions).is_file():
            raise ConfigError(f"there is no file {self.questions}: name a file of questions ({', '.join(SUFFIXES)})")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """The flags."""

    dry_run: bool = False
    only_failed: bool = False
    ordered: bool = False
    overwrite: bool = False
    json: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A batch as it was typed."""

    what: What
    output: str
    choices: Choices
    given_model: str | None = None
    key_name: str | None = None
    schema: Mapping[str, object] | None = None
    cite: bool = False
    total: Limits
    where: Where
    mode: Mode


@dataclass(slots=True)
class _Work:
    """One batch at work: what it reads, what it writes, where it stands."""

    asked: Asked
    what: What
    form: Form
    results: Results
    corpus: Context
    line: ProgressLine
    only: frozenset[str] | None = None
    """With `--only-failed`: those that failed."""

    def again(self, name: str, kept: Kept) -> bool:
        """Whether an item with a result is asked again."""
        return not kept.settled if self.only is None else name in self.only

    def items(self) -> Iterator[Item]:
        """All items, from the first one."""
        table = [Row(1)] if self.what.questions is None else rows(Path(self.what.questions))
        items = items_of(table, self.form)
        if not self.what.each:
            return items
        return over_each(items, self.corpus) if self.what.questions else _documents(self.form, self.corpus)


def total_of(pairs: list[str] | None) -> Limits:
    """The ceilings of `--total NAME=AMOUNT …`; raises ConfigError."""
    base = limits([*(pairs or ())])
    named = {pair.partition("=")[0].strip() for pair in pairs or ()}
    if odd := named - {"calls", "tokens", "usd", "seconds"}:
        raise ConfigError(
            f"--total {', '.join(sorted(odd))}: a whole batch has limits on calls, tokens, usd and seconds"
        )
    return replace(base, **{name: None for name in ("calls", "tokens") if name not in named})  # type: ignore[arg-type]


def run(asked: Asked) -> int:
    """Answer a batch; returns the exit status. Main thread only."""
    what = asked.what.settled()
    form = Form(None if what.question is None else Template(what.question))
    line = ProgressLine(sys.stderr, time.monotonic, quiet=asked.mode.quiet)
    with Results.opened(Path(asked.output), fresh=asked.mode.overwrite and not asked.mode.dry_run) as results:
        work = _Work(asked, what, form, results, EMPTY, line)
        with exported(quiet=asked.mode.quiet):
            return anyio.run(partial(_run, work), backend="asyncio")  # litellm knows no other loop


async def _run(work: _Work) -> int:
    mode, status = work.asked.mode, COMPLETE
    with anyio.CancelScope() as scope, interruptible(scope.cancel, work.line.clear) as interruption:
        survey = await _prepared(work)
        if mode.dry_run:
            return await _foretold(work, survey)
        status = await _answered(work, survey, interruption)
    return status if interruption.signal is None else SIGNALLED + interruption.signal


async def _prepared(work: _Work) -> Survey:
    """Read what has to be read first, and look through the items."""
    asked, results = work.asked, work.results
    if (note := introduction(asked.choices.model, asked.given_model, os.environ)) is not None:
        work.line.say(note)
    if work.what.each:
        work.corpus = await load_async(list(work.what.paths))
    if asked.mode.only_failed:
        work.only = frozenset(name for name, kept in results.kept.items() if kept.status == "failed")
    if not asked.mode.dry_run:
        await anyio.to_thread.run_sync(results.drop, work.again)
    survey = await anyio.to_thread.run_sync(lambda: surveyed(work.items(), results.kept, asked.output))
    if survey.done and not asked.mode.dry_run:
        work.line.say(f"{survey.done:,} of {count(survey.items, 'item')} have a result already")
    return survey


async def _foretold(work: _Work, survey: Survey) -> int:
    estimate = await _estimated(work, survey)
    if work.asked.mode.json:
        write_line(as_json(plain(estimate)), sys.stdout)
    else:
        for line in told(estimate):
            write_line(line, sys.stdout)
    return COMPLETE


async def _estimated(work: _Work, survey: Survey) -> Estimate:
    asked = work.asked
    spent = Spent()
    for record in work.results.records():
        spent.add(record)
    async with opened(_settings(work).job()) as asker:
        resources = asker.shared.resources
        shared = await asker.corpora.of(Item(id="", question=""))
        setting = Setting(
            model=resources.table.info(resources.root_model),
            sub=resources.table.info(resources.sub_model),
            limits=asked.choices.limits,
            total=asked.total,
            rates=asked.choices.rates,
            strategy=asked.choices.strategy,
            shared=shared.characters,
        )
    return estimated(survey, setting, spent)


async def _answered(work: _Work, survey: Survey, interruption: Interruption) -> int:
    """Answer what is left; a signal ends it in good order."""
    tally = Tally(survey.items if work.only is None else survey.done + len(work.only), survey.done, time.monotonic)
    stop = Stop()

    def keep(result: ItemResult) -> None:
        if result.settled or result.status != "failed":  # else: the batch ran out before it was asked
            work.results.append(result)
            tally(result)

    executor, job = executor_of(work.asked.where, _settings(work))
    batch = Batch(executor, job, keep, work.results.kept, stop)
    failed: list[RLMError] = []
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_watched, work, tally)
            try:
                async with aclosing(_chosen(work)) as items:
                    await batch.run(items)
            except RLMError as error:
                failed.append(error)
            tasks.cancel_scope.cancel()
    finally:
        work.line.clear()
        if interruption.signal is not None:
            _close(work, tally, stop, "interrupted")
    if failed:
        raise failed[0]
    if work.asked.mode.ordered:
        await anyio.to_thread.run_sync(lambda: work.results.arrange([item.id for item in work.items()]))
    return _close(work, tally, stop, stop.reason and f"stopped: {stop.reason}")


async def _chosen(work: _Work) -> AsyncGenerator[Item, None]:
    """The items, read in a thread; with `--only-failed` those alone."""
    async for item in in_thread(work.items()):
        if work.only is None or item.id in work.only:
            yield item


async def _watched(work: _Work, tally: Tally) -> None:
    """Show where it stands, and see to it that results reach the disk, until cancelled."""
    while True:
        await anyio.sleep(work.line.period)
        with suppress(OSError):  # a terminal that is gone; a disk that is full says so at the next result
            await anyio.to_thread.run_sync(work.results.sync)
            work.line.show(tally)


def _close(work: _Work, tally: Tally, stop: Stop, early: str) -> int:
    """Say how it ended; returns the exit status."""
    mode, output = work.asked.mode, work.asked.output
    if mode.json:
        write_line(as_json({**tally.summary(), "results": output, "stopped": early or None}), sys.stdout)
    for line in failures(tally, output):
        work.line.say(line)
    if early:
        work.line.say(f"{early}; the same command goes on with {count(tally.left + tally.cut, 'item')}")
    work.line.say(f"{tally.line()} · {output}")
    if tally.states["failed"] or (stop.reason and not stop.limited):
        return FAILED
    return PARTIAL if tally.states["partial"] or stop.limited else COMPLETE


def _documents(form: Form, corpus: Context) -> Iterator[Item]:
    """One question about each document, which gives the item its name; `{name}` in it is that name."""
    for document in corpus:
        item = form.item(Row(1, {"id": document.name, "name": document.name}))
        yield replace(item, context=Context((document,), "text"))


def _settings(work: _Work) -> Settings:
    asked = work.asked
    spent = Spent()
    for record in work.results.records():
        spent.add(record)
    return Settings(
        name=batch_name(asked.output),
        choices=asked.choices,
        key_name=asked.key_name,
        total=asked.total,
        spent={"calls": spent.calls, "tokens": spent.tokens, "usd": spent.usd},
        schema=asked.schema,
        cite=asked.cite,
        paths=() if work.what.each else work.what.paths,
    )


def batch_name(output: str) -> str:
    """A batch is known by the file of its results."""
    path = Path(output).absolute()
    return f"{path.stem}-{hashlib.blake2b(os.fsencode(path), digest_size=5).hexdigest()}"


def journal_for(given: str | None, output: str, executor: str | None) -> str:
    """The journal's file: as given, as the environment says, or beside the results; none where workers are far."""
    return given or os.environ.get(JOURNAL) or ("none" if executor else f"{output}.journal")
