"""Who may spend what of a batch that several processes answer: each item is lent its limits beforehand.

A ledger needs one place where it is kept and no wait between check and hold. Over processes that place is here
(or a row of a database, `postgres/`): before an item is handed out the most that it may cost is set aside; when
its result comes, what it did cost is charged and the rest comes free. So `spent + lent <= limit` at every
instant. An item whose worker dies has spent nobody knows how much: all that it was lent is charged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rlm_async.core.data import Data
from rlm_async.core.items import Item
from rlm_async.core.usage import Limits
from rlm_async.errors import BudgetExceeded, ConfigError

RESOURCES = ("calls", "tokens", "usd")


def ceilings(limits: Limits) -> dict[str, float]:
    """The limits that can be lent, where there are such."""
    found = {name: getattr(limits, name) for name in RESOURCES}
    return {name: float(amount) for name, amount in found.items() if amount is not None}


def check_lendable(total: Limits, limits: Limits) -> None:
    """Raise ConfigError where an item might cost any amount of what the batch has a limit on."""
    for name in sorted(set(ceilings(total)) - set(ceilings(limits))):
        raise ConfigError(
            f"--total {name} over several processes needs --limit {name}: what one item may cost at most is set "
            "aside before it is asked"
        )


def cost(record: Mapping[str, Data]) -> dict[str, float]:
    """What a result says that its item has cost; an unknown price costs nothing here, as a limit on it is refused."""
    usage = record.get("usage")
    told = usage if isinstance(usage, Mapping) else {}
    return {name: float(amount) for name in RESOURCES if isinstance(amount := told.get(name), int | float)}


@dataclass(slots=True)
class Leases:
    """What a batch has left to lend, for one dispatcher; `each` is what an item may cost at most."""

    total: dict[str, float]
    each: dict[str, float]
    spent: dict[str, float] = field(default_factory=dict)
    lent: dict[str, dict[str, float]] = field(default_factory=dict)
    """By item."""

    def left(self, name: str) -> float:
        """Of one resource."""
        lent = sum(amounts.get(name, 0.0) for amounts in self.lent.values())
        return self.total[name] - self.spent.get(name, 0.0) - lent

    def lend(self, item: str) -> tuple[tuple[str, float], ...] | None:
        """Set an item's limits aside; the grants that are lower than its own. None: others must end first.

        Raises BudgetExceeded where nothing is left and nobody can give anything back.
        """
        amounts: dict[str, float] = {}
        for name in self.total:
            left = self.left(name)
            if left < self.each[name] and self.lent:
                return None
            if left <= 0:
                raise BudgetExceeded("the batch", name, self.each[name], 0.0)
            amounts[name] = min(self.each[name], left)
        self.lent[item] = amounts
        return tuple((name, amount) for name, amount in amounts.items() if amount < self.each[name])

    def settle(self, item: str, spent: Mapping[str, float] | None) -> None:
        """Charge what an item has cost; None where nobody knows: then all that it was lent."""
        amounts = self.lent.pop(item, {})
        for name, amount in amounts.items():
            used = amount if spent is None else min(spent.get(name, 0.0), amount)
            self.spent[name] = self.spent.get(name, 0.0) + used


def granted(item: Item, grant: tuple[tuple[str, float], ...]) -> Item:
    """The item with what it is lent."""
    return Item.of_record({**item.record(), "grant": [list(pair) for pair in grant]})
