"""How good, how fast and how dear a simulated model is.

`CURVE` was fitted so that a direct call scores what was published for GPT-5 on OOLONG's TREC windows: 92, 77,
49, 45, 44, 31 at 8K, 16K, 32K, 65K, 131K, 262K tokens (Zhang, Kraska and Khattab, arXiv 2512.24601). Run
`python -m benchmarks.sim.fit` to fit it again.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field

from rlm_async.core.usage import Price
from rlm_async.errors import ConfigError

CURVE: tuple[tuple[int, float], ...] = (
    (1_000, 0.004),
    (2_900, 0.008),
    (5_820, 0.021),
    (11_600, 0.072),
    (23_200, 0.278),
    (46_400, 0.388),
    (93_100, 0.394),
    (186_000, 0.643),
    (800_000, 0.9),
)
"""Prompt tokens as we estimate them (OOLONG's own are 1.4 times as many), and the share of items taken for others."""

OMITTED = 0.5
"""For each item taken for another, so many are overlooked."""


DEAR = Price(prompt=1.25, completion=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """When replies come. Times in seconds, speeds in tokens a second; both vary log-normally."""

    first: float = 0.4
    """To the first token of an empty prompt, the median."""
    prefill: float = 20_000.0
    decode: float = 90.0
    spread: float = 0.25
    """Standard deviation of the logarithm."""
    stragglers: float = 0.01
    slow: float = 4.0
    """How many times as long a straggler takes."""
    refusals: float = 0.0
    """The chance that a request is refused once with 429."""
    retry_after: float = 1.0
    capacity: int | None = None
    """Requests at once beyond which more are refused with 429."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A simulated model. `stretch` says how many times as long a prompt seems to it as to the one that was fitted."""

    name: str
    window: int = 400_000
    max_output: int = 32_768
    price: Price
    stretch: float = 1.0
    floor: float = 0.004
    """The share of items that it takes for others in the shortest prompt."""
    retrieval: float = 0.0
    """Of the rot, the part that also meets plain retrieval."""
    slip: float = 0.0
    """The chance that one program reads a second, third … record format wrong."""
    heeds: float = 1.0
    """The chance that a root with habits does what its prompt's rules and examples say; see `habits`."""
    listed: int = 60
    """Entries of a list that it writes before it loses its thread."""
    weather: Weather = field(default_factory=Weather)

    def confused(self, tokens: int) -> float:
        """The share of items taken for others in a prompt of so many tokens."""
        if self.floor == 0.0:
            return 0.0
        return max(self.floor, _on_curve(tokens * self.stretch))


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name="sim-oracle", price=DEAR, floor=0.0, listed=1_000_000, window=20_000_000),
        Profile(name="sim-strong", price=DEAR, slip=0.05, heeds=0.95),
        Profile(
            name="sim-middle",
            window=200_000,
            price=Price(prompt=0.25, completion=2.0),
            stretch=2.0,
            floor=0.015,
            retrieval=0.05,
            slip=0.15,
            heeds=0.8,
            weather=Weather(first=0.3, decode=140.0),
        ),
        Profile(
            name="sim-weak",
            window=32_768,
            max_output=8_192,
            price=Price(prompt=0.05, completion=0.4),
            stretch=8.0,
            floor=0.06,
            retrieval=0.3,
            slip=0.4,
            heeds=0.5,
            listed=30,
            weather=Weather(first=0.2, decode=220.0),
        ),
    )
}


def profile_named(name: str) -> Profile:
    """The profile of a simulated model; raises ConfigError where there is none of that name."""
    if name not in PROFILES:
        raise ConfigError(f"there is no simulated model {name!r}; choose one of: {', '.join(PROFILES)}")
    return PROFILES[name]


def simulated(model: str) -> bool:
    """Whether a name, with or without a provider's prefix, is that of a simulated model."""
    return model.rpartition("/")[2].startswith("sim-")


def _on_curve(tokens: float) -> float:
    """Between two points of `CURVE` straight in the logarithms of both."""
    if tokens <= CURVE[0][0]:
        return CURVE[0][1]
    if tokens >= CURVE[-1][0]:
        return CURVE[-1][1]
    upper = bisect_right([point for point, _ in CURVE], tokens)
    (x0, y0), (x1, y1) = CURVE[upper - 1], CURVE[upper]
    share = math.log(tokens / x0) / math.log(x1 / x0)
    return math.exp(math.log(y0) + share * math.log(y1 / y0))
