"""A run that is kept in a journal: its events are written, what it was answered is remembered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import anyio.to_thread

from rlm_async import __version__
from rlm_async.api.lending import depths_of
from rlm_async.api.tools import remembered
from rlm_async.core.answer import Answer
from rlm_async.core.query import Query
from rlm_async.engine.equipment import Equipment
from rlm_async.engine.run import Naming, run
from rlm_async.errors import ConfigError
from rlm_async.journal import Journal, Opening
from rlm_async.models.cache import Cache

JournalFile = str | Path | Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Where a run is kept, and what the journal is told of it beyond its query and its equipment."""

    journal: Journal
    batch: str = ""
    item: str = ""
    origin: str = ""
    marks: tuple[str, ...] = ()
    folding: str = "elide"
    resume: bool = True

    def opening(self, query: Query, equipment: Equipment, naming: Naming) -> Opening:
        """What is known before the run begins."""
        names = sorted({query.model, *equipment.models})
        return Opening(
            run=naming.run,
            started=naming.started,
            query=query,
            limits=equipment.limits,
            sub_model=equipment.sub_model,
            version=__version__,
            infos={name: equipment.info(name) for name in names},
            tools={name: tool.line for name, tool in equipment.tools.items()},
            depths=depths_of(equipment.tools),
            batch=self.batch,
            item=self.item,
            origin=self.origin,
            marks=self.marks,
            folding=self.folding,
            resume=self.resume,
        )


async def run_kept(query: Query, equipment: Equipment, naming: Naming, keeping: Keeping | None) -> Answer:
    """`engine.run.run`, kept where `keeping` says; raises ConfigError where the journal cannot be written."""
    if keeping is None or query.strategy not in equipment.strategies:  # which is refused: there will be no run
        return await run(query, equipment, naming)
    opening = keeping.opening(query, equipment, naming)
    with anyio.CancelScope(shield=True):  # what has begun must be ended, below
        recording = await anyio.to_thread.run_sync(keeping.journal.begin, opening)
    equipment = replace(
        equipment,
        model=Cache(equipment.model, recording),
        tools=remembered(equipment.tools, recording),
        sinks=(*equipment.sinks, recording),
    )
    answer: Answer | None = None
    try:
        answer = await run(query, equipment, naming)
    finally:
        await recording.end(answer)
    return answer


def check_journal(journal: object) -> JournalFile | None:
    """The journal, if it is one or the path of one."""
    if journal is None or isinstance(journal, Journal | Path) or (isinstance(journal, str) and journal.strip()):
        return journal
    raise ConfigError(f"journal is the path of a file, or a Journal, not {journal!r}")


@asynccontextmanager
async def opened_journal(journal: JournalFile | None) -> AsyncIterator[Journal | None]:
    """The journal, open for the length of the block; one that was handed in open stays so."""
    if journal is None or isinstance(journal, Journal):
        yield journal
        return
    found = await anyio.to_thread.run_sync(Journal, journal)
    try:
        yield found
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(found.close)
