"""An RLM under lower limits, for a caller who may lower them and never raise them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import fields

from rlm_async.api.rlm import RLM
from rlm_async.api.settings import check_limits
from rlm_async.core.usage import Limits
from rlm_async.errors import ConfigError
from rlm_async.ports import Sink

NAMES = tuple(field.name for field in fields(Limits))


def lowered(rlm: RLM, asked: Mapping[str, float | None], sinks: Sequence[Callable[[], Sink]] = ()) -> RLM:
    """The same RLM with the named limits lowered, and told to further sinks; raises ConfigError.

    It shares connections, workers and gates with `rlm`, which stays as it is and must stay open as long. An
    amount above the RLM's own limit changes nothing.
    """
    wanted = {name: _amount(name, amount) for name, amount in asked.items()}
    lower = copy(rlm)
    lower.limits = check_limits(rlm.limits.narrowed(**wanted))
    lower._sinks = (*rlm._sinks, *sinks)  # noqa: SLF001 - a part of RLM's own module, which is long enough
    return lower


def _amount(name: str, amount: float | None) -> float | None:
    if name not in NAMES:
        raise ConfigError(f"there is no limit {name!r}; choose of: {', '.join(NAMES)}")
    if amount is None:
        return None
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise ConfigError(f"the limit {name} is a number, not {type(amount).__name__}")
    whole = name not in {"usd", "seconds"} and float(amount).is_integer()
    return int(amount) if whole else amount  # JSON knows one kind of number
