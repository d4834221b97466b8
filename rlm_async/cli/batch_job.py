"""A batch's settings as plain data, and back: what a worker in another process is told."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import msgspec

from rlm_async.api.batching import BatchAsker
from rlm_async.cli.choice import composed
from rlm_async.cli.collector import relaxed
from rlm_async.cli.options import Choices, key_of
from rlm_async.contexts import load_async
from rlm_async.core.events import Event
from rlm_async.core.usage import Limits
from rlm_async.errors import ConfigError
from rlm_async.ports import Job


class _Told(msgspec.Struct, kw_only=True, forbid_unknown_fields=False):
    choices: Choices
    name: str = ""
    key_name: str | None = None
    total: Limits = msgspec.field(default_factory=Limits)
    spent: dict[str, float] = msgspec.field(default_factory=dict)
    schema: dict[str, object] | None = None
    cite: bool = False
    paths: list[str] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all items of a batch have in common; `key_name` is the environment variable that holds the key."""

    name: str
    choices: Choices
    key_name: str | None = None
    total: Limits
    spent: dict[str, float] = field(default_factory=dict)
    """What the batch had cost before."""
    schema: Mapping[str, object] | None = None
    cite: bool = False
    paths: tuple[str, ...] = ()

    def job(self) -> Job:
        """The same as data. The key itself stays here."""
        return {
            "name": self.name,
            "rates": asdict(self.choices.rates),
            "spent": dict(self.spent),
            "choices": msgspec.to_builtins(replace(self.choices, api_key=None)),
            "key_name": self.key_name,
            "total": asdict(self.total),
            "schema": None if self.schema is None else msgspec.to_builtins(self.schema),
            "cite": self.cite,
            "paths": [path if path == "-" else str(Path(path).absolute()) for path in self.paths],
        }


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[BatchAsker]:
    """What answers the items of a job in this process; raises ConfigError."""
    try:
        told = msgspec.convert(job, _Told)
    except msgspec.ValidationError as error:
        raise ConfigError(f"this batch was started by another version of rlm-async: {error}") from error
    key = key_of(told.key_name, told.choices.api_base, os.environ)
    async with composed(replace(told.choices, api_key=key), _unheard) as rlm:
        context = await load_async(list(told.paths)) if told.paths else None
        total = _left(told.total, told.spent)
        asking = rlm.asker(context, schema=told.schema, cite=told.cite, total=total, name=told.name)
        async with rlm, asking as asker:
            with relaxed():
                yield asker


def _left(total: Limits, spent: Mapping[str, float]) -> Limits:
    """What is left of the batch's own limits: what its results have cost already is part of them."""
    return replace(
        total,
        calls=None if total.calls is None else max(int(total.calls - spent.get("calls", 0)), 0),
        tokens=None if total.tokens is None else max(int(total.tokens - spent.get("tokens", 0)), 0),
        usd=None if total.usd is None else max(total.usd - spent.get("usd", 0.0), 0.0),
    )


def _unheard(_: Event) -> None:
    """The sink of a batch's runs: their results are what counts."""
