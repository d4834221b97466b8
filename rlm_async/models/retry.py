"""The ring that tries again: only what may go through later, with jitter, for a limited time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Request
from rlm_async.errors import BudgetExceeded, ModelError, RateLimited, Retried
from rlm_async.models.bill import Bill
from rlm_async.ports import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a failing call is tried again."""

    attempts: int = 10
    """Attempts in all."""
    seconds: float = 180.0
    """No attempt is begun later than this after the first failure; time in a gate's queue before it is free."""
    shortest: float = 0.1
    """Mean wait in seconds before the second attempt; doubled before each further one."""
    longest: float = 20.0
    """The longest wait in seconds that we choose ourselves."""


class Retry:
    """Repeats attempts that failed with a retryable error, with tenacity.

    The wait is the provider's `retry_after` where it named one, else exponential; a random share is
    added in both cases, so that calls which failed together do not come back together (Brooker,
    "Exponential Backoff And Jitter", 2015). A wait that would end after the deadline is not begun: the
    error is raised at once. Where the budget cannot pay a further attempt, the provider's error stands.
    """

    def __init__(
        self,
        model: Model,
        patience: Patience,
        chance: Random,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        """Retry calls to `model`; `chance` gives the jitter."""
        self._model = model
        self._patience = patience
        self._chance = chance
        self._clock = clock

    async def __call__(self, request: Request, budget: Budget) -> Completion:
        """Answer `request` with as many attempts as it takes, within patience."""
        began = self._clock()
        try:
            return await self._model(request, budget)  # nearly always all there is to do
        except ModelError as error:
            if not error.retryable or (request.guess is not None and not request.guess.wanted):
                raise  # what nobody waits for is not made again: its own call will be
            first = error
        completion = await self._again(
            first, _Course(self._patience, self._chance, self._clock, began), request, budget
        )
        elapsed = self._clock() - began
        return replace(completion, waited=max(elapsed - completion.seconds, completion.waited))

    async def _again(self, first: ModelError, course: _Course, request: Request, budget: Budget) -> Completion:
        """Take up a call whose first attempt has failed with `first`."""
        retrying = AsyncRetrying(
            sleep=anyio.sleep,
            stop=course.over,
            wait=course.pause,
            retry=retry_if_exception(_is_retryable),
            reraise=True,
        )
        completion = Completion(text="")
        attempts = 0
        try:
            async for attempt in retrying:
                with attempt:
                    attempts += 1
                    if attempts == 1:
                        raise first
                    if isinstance(budget, Bill):
                        budget.cover()
                    completion = replace(await self._model(request, budget), attempts=attempts)
        except BudgetExceeded:
            raise _told(course.error or first, attempts - 1, course) from None
        except ModelError as error:
            _told(error, attempts, course)
            raise
        return replace(completion, retries=tuple(course.retries))


class _Course:
    """The course of one call: when it began, what went wrong last, how long to wait now."""

    def __init__(self, patience: Patience, chance: Random, clock: Callable[[], float], began: float) -> None:
        self._patience = patience
        self._chance = chance
        self._clock = clock
        self._began = began
        self.error: ModelError | None = None
        self.retries: list[Retried] = []
        self._failed_first = clock()

    def pause(self, state: RetryCallState) -> float:
        """Seconds until the next attempt."""
        error = state.outcome.exception() if state.outcome else None
        self.error = error if isinstance(error, ModelError) else None
        pause = self._pause(error, state.attempt_number)
        self.retries.append(Retried(type(error).__name__, self._clock() - self._began, pause))
        return pause

    def _pause(self, error: BaseException | None, attempt: int) -> float:
        jitter = self._chance.random()
        if isinstance(error, RateLimited) and error.retry_after is not None:
            return error.retry_after + jitter * min(1.0, 0.1 + 0.1 * error.retry_after)
        mean = min(self._patience.shortest * 2.0 ** (attempt - 1), self._patience.longest)
        return mean * (0.5 + jitter)

    def over(self, state: RetryCallState) -> bool:
        """Whether to give up rather than wait."""
        late = self._clock() + state.upcoming_sleep - self._failed_first
        return state.attempt_number >= self._patience.attempts or late > self._patience.seconds


def _told(error: ModelError, attempts: int, course: _Course) -> ModelError:
    """The error, saying how often the call was tried, and what became of the attempts before."""
    error.retries = tuple(course.retries[: attempts - 1])
    if attempts > 1:
        error.args = (f"{error} (tried {attempts} times)", *error.args[1:])
    return error


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, ModelError) and error.retryable
