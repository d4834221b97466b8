"""The rings around one model, in one expression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import anyio

from rlm_async.core.usage import ModelInfo, Rates
from rlm_async.models.bill import Charged
from rlm_async.models.cache import Cache, Memo
from rlm_async.models.gate import Gate, Gated
from rlm_async.models.meter import Meter
from rlm_async.models.retry import Patience, Retry
from rlm_async.models.tariff import Tariff
from rlm_async.models.till import Till
from rlm_async.ports import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Rings:
    """What the stacks of several models share: rates, patience, the till, chance, the clock, a memo."""

    rates: Rates = field(default_factory=Rates)
    patience: Patience = field(default_factory=Patience)
    memo: Memo | None = None
    till: Till = field(default_factory=Till)
    chance: Random = field(default_factory=Random)
    clock: Callable[[], float] = anyio.current_time


@dataclass(frozen=True, slots=True)
class Stack:
    """A model with its rings; call `model`, look at `gate`."""

    model: Model
    gate: Gate
    tariff: Tariff


def stack(model: Model, info: ModelInfo, rings: Rings) -> Stack:
    """Put the rings around `model`: cache, meter, retry, gate, and the count of each attempt."""
    tariff = Tariff(info)
    clock = rings.clock
    gate = Gate(rings.rates, clock, rings.patience.seconds)
    metered = Meter(
        Retry(Gated(Charged(model, tariff), gate, tariff, clock), rings.patience, rings.chance, clock),
        tariff,
        rings.till,
        clock,
    )
    return Stack(metered if rings.memo is None else Cache(metered, rings.memo), gate, tariff)
