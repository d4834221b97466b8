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
from rlm_async.models.gates import Gates
from rlm_async.models.meter import Meter
from rlm_async.models.retry import Patience, Retry
from rlm_async.models.tariff import Tariff
from rlm_async.models.till import Till
from rlm_async.ports import Model

HASTE = Patience(attempts=3, seconds=30.0)
"""How long a model is tried that another one can stand in for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rings:
    """What the stacks of several models share: rates, patience, the till, chance, the clock, a memo, the gates.

    Without `gates` each table of models has its own, on this clock; a process that asks one provider from
    several places gives all of them the same.
    """

    rates: Rates = field(default_factory=Rates)
    patience: Patience = field(default_factory=Patience)
    haste: Patience = HASTE
    memo: Memo | None = None
    till: Till = field(default_factory=Till)
    chance: Random = field(default_factory=Random)
    clock: Callable[[], float] = anyio.current_time
    gates: Gates | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """A model with its rings; call `model`, or `hasty` where another model can stand in; look at `gate`."""

    model: Model
    hasty: Model
    gate: Gate
    tariff: Tariff


def stack(model: Model, info: ModelInfo, rings: Rings, gate: Gate | None = None) -> Stack:
    """Put the rings around `model`: cache, meter, retry, gate, and the count of each attempt."""
    tariff = Tariff(info)
    gate = gate or Gate(rings.rates, rings.clock, rings.patience.seconds)
    gated = Gated(Charged(model, tariff), gate, tariff, rings.clock)

    def ringed(patience: Patience) -> Model:
        metered = Meter(Retry(gated, patience, rings.chance, rings.clock), tariff, rings.till, rings.clock)
        return metered if rings.memo is None else Cache(metered, rings.memo)

    return Stack(ringed(rings.patience), ringed(rings.haste), gate, tariff)
