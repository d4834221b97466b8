"""Plain data: what may cross from model-written code to the host, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Data = None | bool | int | float | str | Sequence["Data"] | Mapping[str, "Data"]


def canonical(value: Data) -> str:
    """JSON with sorted keys and no spaces: equal data, equal text (RFC 8259; keys sorted as RFC 8785 does)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def as_text(value: Data) -> str:
    """What a person is shown: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
