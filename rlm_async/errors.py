"""Every error this package raises, arranged by who can act on it.

```
RLMError
├── ConfigError          the caller; before anything runs; names the key and the fix
├── Refused              the run's own rules; never retried
│   ├── BudgetExceeded   .scope .resource .asked .left
│   ├── FanoutExceeded
│   └── CycleRefused
├── ModelError           the provider; `retryable` is a class attribute
│   ├── ModelUnavailable
│   ├── RateLimited      .retry_after
│   ├── ContextOverflow
│   └── ModelRejected
├── SandboxError         the operator
│   ├── SandboxCrashed
│   ├── SandboxTimeout
│   └── SandboxUnavailable
├── Unanswered           the strategy used up its turns; .transcript
└── InternalError        a bug of ours
    └── InvalidTransition  .story
```

The texts are written for the person who reads them: what was wrong, then what to do. They never
hold a key, a header or another library's traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class RLMError(Exception):
    """Base of every error raised by this package.

    `answer` is the failed `Answer` with its usage and trace, where a run had begun.
    """

    answer: object = None


class ConfigError(RLMError):
    """The caller's settings or inputs cannot be honoured; raised before anything runs."""


class Refused(RLMError):
    """The run's own rules forbid the step. Never retried."""


class BudgetExceeded(Refused):
    """Spending `asked` would take `scope` past its limit on `resource`, of which `left` is left.

    `resource` is a field name of `Limits`: calls, tokens, usd, seconds, turns, consecutive_errors.
    """

    def __init__(self, scope: str, resource: str, asked: float, left: float) -> None:
        """Describe the refusal; amounts are in the resource's own unit (usd, seconds, counts)."""
        super().__init__(f"{resource} limit of {scope}: {asked:g} asked, {max(left, 0):g} left")
        self.scope = scope
        self.resource = resource
        self.asked = asked
        self.left = left


class FanoutExceeded(Refused):
    """A node asked for more children than `Limits.fanout` allows."""


class CycleRefused(Refused):
    """The query would wait for its own ancestor."""


@dataclass(frozen=True, slots=True)
class Retried:
    """A failed attempt that was made again: the error's class, when (seconds of the call), and the pause after it."""

    error: str
    at: float
    pause: float


class ModelError(RLMError):
    """A model call failed; `retries` are the attempts before the one that this error ended."""

    retryable: ClassVar[bool] = False
    retries: tuple[Retried, ...] = ()


class ModelUnavailable(ModelError):
    """A transport fault, a timeout or a 5xx: the same call may go through later.

    `received` is how many completion tokens had come when a reply broke off or did not come in time, for
    which the provider may bill; None where it cannot have worked on the call.
    """

    retryable: ClassVar[bool] = True

    def __init__(self, message: str, *, received: int | None = None) -> None:
        """Carry what had come, in tokens."""
        super().__init__(message)
        self.received = received


class RateLimited(ModelError):
    """The provider said wait; `retry_after` is in seconds, or None where it did not say."""

    retryable: ClassVar[bool] = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Carry the provider's wait, in seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class ContextOverflow(ModelError):
    """The prompt does not fit the model's window."""


class ModelRejected(ModelError):
    """The provider refused the request for good: key, model name, argument or content."""


class SandboxError(RLMError):
    """The sandbox itself broke. Code that merely fails is an `Output`, not this."""


class SandboxCrashed(SandboxError):
    """The worker died or broke the protocol."""


class SandboxTimeout(SandboxError):
    """A worker did not start or answer in time."""


class SandboxUnavailable(SandboxError):
    """A required layer of the wall is missing on this machine."""


class Unanswered(RLMError):
    """The strategy used up its turns without an answer; `transcript` is what was said and seen."""

    def __init__(self, message: str, transcript: object = None) -> None:
        """Keep the transcript for whoever wants to know why."""
        super().__init__(message)
        self.transcript = transcript


class InternalError(RLMError):
    """A bug in this package."""


class InvalidTransition(InternalError):
    """A node was asked to move to a state it cannot reach; `story` is the way it came."""

    def __init__(self, message: str, story: tuple[str, ...] = ()) -> None:
        """Tell the node's states so far."""
        super().__init__(f"{message} (so far: {' > '.join(story)})" if story else message)
        self.story = story
