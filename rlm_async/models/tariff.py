"""What a call of one model costs at most, and what it did cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rlm_async.core.messages import Completion, Guess, Request
from rlm_async.core.usage import Limits, ModelInfo, Usage
from rlm_async.errors import ConfigError, ModelError, ModelUnavailable
from rlm_async.models.estimate import Estimator
from rlm_async.ports import Catalogue

UNKNOWN_OUTPUT = 4_096
"""Completion tokens asked for where neither the request nor the model's record says how many."""
LONGEST_OUTPUT = 16_384
"""The same where the model could do more: a hold of its whole maximum would keep siblings waiting."""
ENOUGH_OUTPUT = 4_096
"""With so much a call goes on at once where money is tight, rather than wait for siblings to settle."""
LEAST_OUTPUT = 256
"""A call is refused rather than shrunk below this."""
_SHARE = 16
_LONG_PROMPT = 100_000
"""Some providers double the price of prompts longer than 128,000, 200,000 or 272,000 tokens."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a call wants held: its cost at any completion bound from `least` to `most` tokens.

    With `enough` it goes on at once; between `least` and `enough` only where waiting would not help.
    """

    tariff: Tariff
    prompt_tokens: int
    most: int
    enough: int
    least: int
    share: int = 1
    """Beyond `enough`, one part in so many of what is left: else the first siblings would take it all."""
    last: bool = False
    """Waits behind nobody: see `Request.last`."""
    guess: Guess | None = None
    """Waits for nobody, and makes way: see `Request.guess`."""

    def cost(self, completion_tokens: int) -> Usage:
        """The upper bound of one attempt."""
        return self.tariff.bound(self.prompt_tokens, completion_tokens)


class Tariff:
    """Prices and bounds of one model. `info` may be replaced when more becomes known."""

    __slots__ = ("estimator", "info")

    def __init__(self, info: ModelInfo, estimator: Estimator | None = None) -> None:
        """Take what is known of the model."""
        self.info = info
        self.estimator = estimator or Estimator()

    def ask(self, request: Request) -> Ask:
        """The hold that `request` needs. A maximum named by the caller is kept unless it cannot be paid."""
        prompt = self.estimator.bound(request)
        most = self._output(request)
        least = min(LEAST_OUTPUT, most)
        if request.guess is not None and not request.guess.wanted:
            size = most if request.max_tokens is not None else min(ENOUGH_OUTPUT, most)
            return Ask(self, prompt, most=size, enough=size, least=size, guess=request.guess)
        if request.max_tokens is not None:
            return Ask(self, prompt, most=most, enough=most, least=least, last=request.last)
        enough = min(ENOUGH_OUTPUT, most)
        return Ask(self, prompt, most=most, enough=enough, least=least, share=_SHARE, last=request.last)

    def bound(self, prompt_tokens: int, completion_tokens: int) -> Usage:
        """The most that one attempt can cost; money is None where the price is unknown."""
        price = self.info.price
        nanos = None if price is None else price.nanos(prompt_tokens, completion_tokens)
        if nanos is not None and prompt_tokens > _LONG_PROMPT:
            nanos *= 2
        return Usage(calls=1, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, nanos=nanos)

    def tokens(self, request: Request) -> int:
        """Prompt and completion tokens of one attempt at most, for a gate."""
        return self.estimator.bound(request) + (request.max_tokens or self._output(request))

    def charged(self, request: Request, completion: Completion) -> Usage:
        """The cost of an attempt that was answered; counted by us where the provider did not."""
        usage = completion.usage
        if usage.prompt_tokens:
            self.estimator.learn(request, usage.prompt_tokens)
        else:
            usage = replace(usage, prompt_tokens=self.estimator.likely(request))
        if not usage.completion_tokens:
            usage = replace(usage, completion_tokens=self.estimator.likely_of(completion.text))
        return self._priced(replace(usage, calls=max(usage.calls, 1)))

    def presumed(self, request: Request, error: ModelError | None = None) -> Usage:
        """The cost of an attempt that was sent and not answered.

        A provider bills the prompt of a call that breaks off or is given up, and what it had written by
        then as far as we saw it; it bills nothing for one that it refused.
        """
        if error is None:
            return self._priced(Usage(calls=1, prompt_tokens=self.estimator.likely(request)))
        if isinstance(error, ModelUnavailable) and error.received is not None:
            prompt = self.estimator.likely(request)
            return self._priced(Usage(calls=1, prompt_tokens=prompt, completion_tokens=error.received))
        return Usage(calls=1)

    def _priced(self, usage: Usage) -> Usage:
        price = self.info.price
        if price is None:
            return usage if usage.nanos else replace(usage, nanos=None)
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        nanos = price.nanos(usage.prompt_tokens, usage.completion_tokens, cached)
        return replace(usage, nanos=max(nanos, usage.nanos or 0))

    def _output(self, request: Request) -> int:
        most = request.max_tokens
        if most is None:
            most = UNKNOWN_OUTPUT if self.info.max_output is None else LONGEST_OUTPUT
        if self.info.max_output is not None:
            most = min(most, self.info.max_output)
        if self.info.window is not None:
            room = self.info.window - self.estimator.likely(request)
            most = min(most, max(room, LEAST_OUTPUT))
        return max(most, 1)


def check_prices(limits: Limits, models: Iterable[str], catalogue: Catalogue) -> None:
    """Raise ConfigError where `limits.usd` is set and the price of a model is unknown: it could not be kept."""
    if limits.usd is None:
        return
    for name in dict.fromkeys(models):
        if catalogue(name).price is None:
            raise ConfigError(
                f"usd={limits.usd:g} cannot be kept: the price of {name!r} is unknown. "
                "Give its price, or limit calls or tokens instead of usd"
            )
