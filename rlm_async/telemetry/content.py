"""What people and models wrote: whether it goes into telemetry at all, and what is cut out of it even then."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from rlm_async.telemetry import conventions as names

LONGEST = 32_000
"""Characters of one value that are kept: a batch of spans must fit a collector's 4 MiB message."""
SHORTEST_SECRET = 6
"""A shorter value is no key; cutting every `1` out of a text because a variable holds it would help nobody."""
_SECRET_NAME = re.compile(r"(?i)(key|token|secret|passwo?r?d|credential|authorization)s?$")
_SECRET_SHAPE = re.compile(
    r"(?i)\b(?:sk|pk|rk|gsk|xai|hf|ghp)[-_][A-Za-z0-9_-]{12,}"  # the shapes of providers' keys
    r"|\bAIza[\w-]{20,}|\bAKIA[A-Z0-9]{12,}|(?<=\bbearer )\S{8,}|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
_SHAPE = 400
"""Characters that a key recognised by its shape may have."""
_MASK = "***"


@dataclass(frozen=True, slots=True)
class Capture:
    """Where content goes, by the standard variable: nowhere (the default), on spans, on log events."""

    on_spans: bool = False
    on_events: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Values that are cut out of whatever is captured, longest first."""

    @classmethod
    def of(cls, environment: Mapping[str, str], secrets: Iterable[str] = ()) -> Self:
        """As `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says; secrets of the environment are added."""
        wanted = environment.get(names.CAPTURE_VARIABLE, "").strip().upper()
        if wanted not in names.ON_SPANS | names.ON_EVENTS:
            return cls()
        held = {value for name, value in environment.items() if _SECRET_NAME.search(name)} | set(secrets)
        for name, value in environment.items():
            if name.endswith("_HEADERS"):  # `OTEL_EXPORTER_OTLP_HEADERS=authorization=…,x-key=…`
                held |= {pair.partition("=")[2].strip() for pair in value.split(",")}
        kept = sorted(
            (value for value in held if len(value) >= SHORTEST_SECRET), key=lambda value: (-len(value), value)
        )
        return cls(wanted in names.ON_SPANS, wanted in names.ON_EVENTS, tuple(kept))

    def text(self, text: str) -> str:
        """`text` as it may be captured: clipped, and without secrets."""
        longest = max((len(secret) for secret in self.secrets), default=0)
        head = text[: LONGEST + max(longest, _SHAPE)]  # a secret across the cut is seen whole, too
        for secret in self.secrets:
            head = head.replace(secret, _MASK)
        head = _SECRET_SHAPE.sub(_MASK, head)
        more = len(text) - LONGEST
        return head if more <= 0 else f"{head[:LONGEST]}… ({more:,} characters more)"

    def message(self, role: str, text: str, finish: str | None = None) -> str:
        """One message in the conventions' JSON form; one that a model wrote says how it ended."""
        message: dict[str, object] = {"role": role, "parts": [{"type": "text", "content": self.text(text)}]}
        if finish is not None:
            message["finish_reason"] = finish
        return json.dumps([message], ensure_ascii=False)


def secrets_of(address: str) -> tuple[str, ...]:
    """What must not be shown of an address: its user's password, and the values of its query."""
    try:
        parts = urlsplit(address)
        found = [parts.password or "", *(value for _, value in parse_qsl(parts.query))]
    except ValueError:
        found = [address]
    return tuple(value for value in found if value)
