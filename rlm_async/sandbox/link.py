"""The worker's line to the host, as the runtime sees it: send a request now, take the reply later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

Op = Literal["query", "tool", "budget"]


class Link(Protocol):
    """Requests and replies, matched by tickets. Payloads and replies are plain data.

    - `query`: `{"kind", "prompt", "context", "model", "schema", "sample", "cached", "grant"}`, one sub-query;
    - `tool`: `{"name", "arguments", "named"}`;
    - `budget`: `{}`, answered by a dict of numbers and None.

    `query` and `tool` are answered by `{"value", "error", "message", "status"}`, where `error` is None or
    the name of the error's class.
    """

    def call(self, op: Op, payload: object) -> int:
        """Send one request at once and return its ticket; never waits for the reply."""
        ...

    def ready(self, ticket: int) -> bool:
        """Whether the reply is there."""
        ...

    def wait(self, tickets: Sequence[int]) -> None:
        """Block until at least one of the replies is there; not charged to the cell's CPU time."""
        ...

    def take(self, ticket: int) -> object:
        """The reply, once."""
        ...

    def cancel(self, ticket: int) -> None:
        """Say that nobody waits for the reply any more."""
        ...
