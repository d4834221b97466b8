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


def plain(value: object) -> Data:
    """The same value as None, bool, int, float, str, list and dict; raises TypeError naming what is none of them."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} is not plain data (None, bool, int, float, str, list, dict)")
