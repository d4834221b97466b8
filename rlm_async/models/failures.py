"""What a provider's refusal means for the caller: the one table from HTTP statuses to our errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from rlm_async.errors import ContextOverflow, ModelError, ModelRejected, ModelUnavailable, RateLimited

_SHOWN = 300
_SECRET = re.compile(
    r"(?i)\b(?:sk|pk|rk|gsk|xai|hf|key|ghp)[-_][A-Za-z0-9_*.-]{6,}"  # the shapes of providers' keys, also masked ones
    r"|bearer\s+\S+|AIza[\w-]{10,}|(?<=[?&]key=)[^&\s]+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
_OVERFLOW = re.compile(
    r"(?i)context[ _](?:length|window|size)|maximum context|too many (?:input )?tokens|prompt is too long"
    r"|input is too long|reduce the length|exceeds? .{0,40}tokens|input length"
)
_UNKNOWN_MODEL = re.compile(r"(?i)model.{0,80}(?:not (?:be )?found|not exist|unknown|not supported|invalid)|"
                            r"(?:unknown|invalid|no such|unsupported) model|model_not_found")  # fmt: skip
_QUOTA = re.compile(r"(?i)insufficient_quota|exceeded your current quota|billing|credit balance")
_OVERLOADED = 529
_TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Answerer:
    """Whom a request went to, for the texts of errors. `secrets` are cut out of whatever it said."""

    host: str
    model: str
    keyed: bool = True
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def said(self, message: str) -> str:
        """A provider's own words: one line, clipped, without secrets."""
        for secret in self.secrets:
            message = message.replace(secret, "***")
        line = _SECRET.sub("***", " ".join(message.split()))
        return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"


def failure(status: int, message: str, answerer: Answerer, retry_after: float | None = None) -> ModelError:
    """The error for an HTTP status and the provider's words; `retry_after` is in seconds."""
    said = answerer.said(message)
    told = f": {said}" if said else ""
    if status in {429, _OVERLOADED} or (status in {503, 403} and retry_after is not None):
        if status == 429 and _QUOTA.search(message) and retry_after is None:  # noqa: PLR2004 - an HTTP status
            return ModelRejected(f"{answerer.host}: the quota is used up (429): check plan and billing there")
        return RateLimited(f"{answerer.host} asked to wait ({status}){told}", retry_after)
    if status >= 500 or status in {408, 409, 425}:  # noqa: PLR2004 - HTTP statuses
        return ModelUnavailable(f"{answerer.host} failed ({status}){told}")
    return _rejection(status, message, told, answerer)


def _rejection(status: int, message: str, told: str, answerer: Answerer) -> ModelError:
    host, model = answerer.host, answerer.model
    if status == _TOO_LARGE or _OVERFLOW.search(message):
        return ContextOverflow(f"the prompt does not fit the window of {model!r} ({status}){told}")
    if status == 401:  # noqa: PLR2004 - an HTTP status
        fix = "check api_key" if answerer.keyed else "pass api_key, or set the provider's key in the environment"
        text = f"{host} refused the key (401): {fix}" if answerer.keyed else f"{host} wants a key (401): {fix}"
    elif status == 403:  # noqa: PLR2004 - an HTTP status
        text = f"{host} does not let this key use {model!r} (403){told}"
    elif _UNKNOWN_MODEL.search(message):
        text = f"{host} does not know the model {model!r} ({status}): check its name"
    elif status == 404:  # noqa: PLR2004 - an HTTP status
        text = f"{host} has no chat completions at this address (404): check api_base{told}"
    elif 300 <= status < 400:  # noqa: PLR2004 - HTTP statuses
        text = f"{host} answers from another address ({status}): check api_base"
    else:
        text = f"{host} refused the request to {model!r} ({status}){told}"
    return ModelRejected(text)


def unreachable(answerer: Answerer, reason: str) -> ModelUnavailable:
    """The error where no connection could be made."""
    return ModelUnavailable(
        f"cannot reach {answerer.host} ({answerer.said(reason)}): is a server running there? check api_base"
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by a reply's headers (RFC 9110, 10.2.3: seconds or a date); `now` in seconds since the epoch.

    Header names are matched without case; OpenAI's and Azure's ``retry-after-ms`` is more exact and wins.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(float(lower[name]) * unit, 0.0)
        except (KeyError, ValueError):
            continue
    try:
        return max(parsedate_to_datetime(lower["retry-after"]).timestamp() - now, 0.0)
    except (KeyError, ValueError):
        return None
