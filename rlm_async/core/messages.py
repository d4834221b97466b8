"""What goes to a model and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import get_ident
from typing import Literal

from rlm_async.core.usage import NOTHING, Usage
from rlm_async.errors import Retried


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which run a request comes from: a gate admits deepest first, then oldest, runs in turn."""

    run: str = ""
    node: int = 0
    depth: int = 0


@dataclass(slots=True, eq=False)
class Guess:
    """Marks a request that nobody waits for yet: until it is `wanted` it gives way to all that somebody waits for."""

    withdraw: Callable[[], None]
    """Gives it up; for the thread in which it was made."""
    queued: bool = False
    """Whether it had to stand in line."""
    sent: bool = False
    """Whether it has passed the gate."""
    wanted: bool = False
    """Whether somebody waits for it by now."""
    thread: int = field(default_factory=get_ident)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One completion to be made. `schema` is a JSON Schema as canonical JSON text; None is free text."""

    model: str
    messages: tuple[Message, ...]
    max_tokens: int | None = None
    """Completion tokens at most; None leaves it to the model's own maximum."""
    temperature: float | None = None
    schema: str | None = None
    sample: int = 0
    """Which of several wanted samples of the same request this is."""
    fresh: bool = field(default=False, compare=False)
    """True: never answered from a cache, and never kept in one."""
    last: bool = field(default=False, compare=False)
    """True: the one request of a node's last turn. What was kept back for it is free now; it waits behind nobody."""
    place: Place = field(default=Place(), compare=False)
    heard: Callable[[int, str], None] | None = field(default=None, compare=False, repr=False)
    """Told, while a reply comes in, how many characters have come and the last piece; must not block or raise.

    A client that can stream does so where this is given; fewer characters than before mean a new attempt.
    """
    guess: Guess | None = field(default=None, compare=False)
    """Given where the request is made ahead of the code that may ask for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A model's reply. `waited` and `seconds` are times in seconds: in the queue, and of the call itself."""

    text: str
    usage: Usage = NOTHING
    model: str = ""
    """The model that really answered, where the provider says so."""
    finish: str = "stop"
    """`stop`, or `length` where the reply was cut at `max_tokens`."""
    waited: float = 0.0
    seconds: float = 0.0
    attempts: int = 1
    retries: tuple[Retried, ...] = ()
    """The attempts that failed before this one."""
    cached: bool = False
    """Answered from our own cache: nothing was asked."""
