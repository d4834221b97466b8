"""Errors as an OpenAI client expects them: `{"error": {"message", "type", "param", "code"}}` and a status.

A client of OpenAI's sends a request again on 408, 409, 429 and 5xx; a run that failed has cost money, so what
comes after a run says `x-should-retry: false`, which such a client obeys.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from rlm_async.core.data import Data
from rlm_async.errors import (
    BudgetExceeded,
    ConfigError,
    ContextOverflow,
    ModelError,
    ModelRejected,
    RateLimited,
    RLMError,
    SandboxError,
    Unanswered,
)

INVALID = "invalid_request_error"


class Fault(Exception):
    """A refusal or failure, ready to be sent."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = INVALID,
        code: str | None = None,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Say what was wrong and what to do; `param` is the part of the body that it is about."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Data]:
        """The object that is sent."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def wait(message: str, code: str, seconds: float) -> Fault:
    """429: come back after so many seconds."""
    return Fault(429, message, "rate_limit_error", code, headers={"Retry-After": str(max(1, ceil(seconds)))})


_KINDS: tuple[tuple[type[RLMError], int, str, str], ...] = (
    (ConfigError, 400, INVALID, "invalid_request"),
    (BudgetExceeded, 400, "limit_error", "limit_exceeded"),
    (ContextOverflow, 400, INVALID, "context_length_exceeded"),
    (RateLimited, 429, "rate_limit_error", "upstream_rate_limited"),
    (ModelRejected, 502, "upstream_error", "upstream_rejected"),
    (ModelError, 503, "upstream_error", "upstream_unavailable"),
    (Unanswered, 422, "unanswered_error", "unanswered"),
    (SandboxError, 500, "server_error", "sandbox"),
)


def of(error: RLMError) -> Fault:
    """What a client is told of an error of a run."""
    headers = {"x-should-retry": "false"}
    if isinstance(error, RateLimited) and error.retry_after is not None:
        headers = {"Retry-After": str(max(1, ceil(error.retry_after)))}
    for kind, status, name, code in _KINDS:
        if isinstance(error, kind):
            return Fault(status, str(error), name, code, headers=headers)
    return Fault(500, "an error of the server's own; its log says more", "server_error", headers=headers)
