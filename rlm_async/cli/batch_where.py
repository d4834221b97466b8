"""Who answers a batch: this process, several of this machine, the workers of a database, a plugin's cluster."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from rlm_async.batch.here import Here
from rlm_async.batch.installed import check_scheme, made
from rlm_async.batch.leases import Leases, ceilings, check_lendable
from rlm_async.batch.lending import Lending, Within
from rlm_async.batch.processes import Processes
from rlm_async.cli.batch_job import Settings, opened
from rlm_async.core.placement import Placement
from rlm_async.core.usage import Limits, Rates
from rlm_async.errors import ConfigError
from rlm_async.ports import Executor, Job

POSTGRES = ("postgresql://", "postgres://")
OPENS = f"{opened.__module__}:{opened.__name__}"
"""What a plugin's worker opens."""
_UNLIMITED = Limits(calls=None, tokens=None)


@dataclass(frozen=True, slots=True)
class Where:
    """What was typed: an executor's URL, a number of processes, items in hand."""

    executor: str | None = None
    workers: int = 1
    items: int | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError for what is none."""
        if self.workers < 1 or (self.items is not None and self.items < 1):
            raise ConfigError("--workers and --items: use a whole number of 1 or more")
        if self.executor is not None and not self.executor.startswith(POSTGRES):
            check_scheme(self.executor)
        elif self.executor is not None and self.workers > 1:
            raise ConfigError("--workers is not for a database: start `rlm-async worker` as often as you want")


def executor_of(where: Where, settings: Settings) -> tuple[Executor, Job]:
    """The executor, and what its workers are told; raises ConfigError for what cannot be kept there."""
    choices = settings.choices
    if where.executor is None and where.workers == 1:
        return Here(opened, most=choices.rates.concurrency, fixed=where.items), settings.job()
    check_lendable(settings.total, choices.limits)
    if "-" in settings.paths:
        raise ConfigError("standard input can be read once, and here several processes would have to: name a file")
    if where.executor is not None and where.executor.startswith(POSTGRES):
        return _postgres(where.executor, settings), _lent(settings)
    leases = Leases(ceilings(settings.total), ceilings(choices.limits), dict(settings.spent))
    share = replace(settings, choices=replace(choices, rates=_share(choices.rates, where.workers)))
    most = where.items or min(64, share.choices.rates.concurrency)
    if where.executor is not None:
        lending = Lending(leases)
        placement = Placement(url=where.executor, opens=OPENS, workers=where.workers, most=most)
        return Within(made(placement, lending), lending), _lent(share)
    command = [sys.executable, "-m", "rlm_async", "worker", "--executor", "stdio"]
    return Processes([*command, "--items", str(most)], where.workers, most=most, leases=leases), _lent(share)


def _postgres(url: str, settings: Settings) -> Executor:
    try:
        # an extra: only those who have a database need it
        from rlm_async.batch.postgres.executor import PostgresExecutor, Terms  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError("--executor needs procrastinate: pip install 'rlm-async[postgres]'") from error
    terms = Terms(total=settings.total, each=settings.choices.limits, spent=settings.spent)
    return PostgresExecutor(url, settings.name, terms)


def _lent(settings: Settings) -> Job:
    """The job without the batch's own limits: they are lent to each item by whoever hands it out."""
    return replace(settings, total=_UNLIMITED).job()


def _share(rates: Rates, workers: int) -> Rates:
    """A worker's part of the rates, rounded down where that leaves any."""
    parts = {
        name: None if amount is None else max(amount // workers, 1)
        for name, amount in (
            ("requests_per_minute", rates.requests_per_minute),
            ("tokens_per_minute", rates.tokens_per_minute),
        )
    }
    return replace(rates, concurrency=max(rates.concurrency // workers, 1), **parts)
