"""What a step costs, and what it may cost at most."""

from __future__ import annotations

from dataclasses import dataclass, fields

NANO = 1_000_000_000
"""Nano-dollars in a dollar. Money is added as whole nano-dollars, so that no rounding lets a limit slip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A cost, actual or estimated. Usages add up; an unknown price stays unknown in the sum."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """The part of `prompt_tokens` that the provider read from its prompt cache."""
    nanos: int | None = 0
    """Money in nano-dollars; None where the price is unknown."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def usd(self) -> float | None:
        """Money in US dollars; None where the price is unknown."""
        return None if self.nanos is None else self.nanos / NANO

    def __add__(self, other: Usage) -> Usage:
        """Both costs together."""
        return Usage(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            nanos=None if self.nanos is None or other.nanos is None else self.nanos + other.nanos,
        )


NOTHING = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Dollars for a million tokens; `cached` is the price of prompt tokens read from the provider's cache."""

    prompt: float
    completion: float
    cached: float | None = None

    def nanos(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> int:
        """The price of one call in nano-dollars, rounded up."""
        cached = self.prompt if self.cached is None else self.cached
        micro = (prompt_tokens - cached_tokens) * self.prompt + cached_tokens * cached
        micro += completion_tokens * self.completion
        return -int(-micro * 1000 // 1)  # dollars a million tokens = micro-dollars a token


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What is known of a model; None is unknown."""

    name: str
    window: int | None = None
    """Prompt and completion tokens that fit one call."""
    max_output: int | None = None
    price: Price | None = None
    concurrency: int | None = None
    """Requests in flight at once, where a gate caps them: prompts tell it."""
    weak: bool = False
    """Too small to write a working root program: `auto` answers with `guided`."""
    note: str = ""
    """One line for people: which model answers, and what it cannot do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings on one run, or on a subtree. `None` means no ceiling."""

    depth: int = 1
    """Levels of sub-calls below the root: 0 none, 1 plain completions, d REPLs down to level d - 1."""
    fanout: int = 256
    """Children of one node."""
    turns: int = 20
    """Replies of one node."""
    calls: int | None = 1_000
    """Model calls, retries included."""
    tokens: int | None = 5_000_000
    """Prompt and completion tokens."""
    usd: float | None = None
    seconds: float | None = None
    """Wall time of the run."""
    output_characters: int = 10_000
    """Output of one turn that the model is shown; the rest is cut from the middle."""
    consecutive_errors: int = 5
    """Turns in a row that end in an error or hold no code, after which a node must answer."""

    def narrowed(self, **grant: float | None) -> Limits:
        """These limits with the named ones lowered; a grant never raises one."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, asked in grant.items():
            if asked is not None:
                own = values[name]
                values[name] = asked if own is None else min(own, asked)
        return Limits(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a Gate holds back, for each model: requests in flight, and flow in any 60 seconds."""

    concurrency: int = 64
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
