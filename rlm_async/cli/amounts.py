"""Numbers as a person reads them: counts, money, bytes, seconds."""

from __future__ import annotations

from rlm_async.core.usage import NANO

_LARGE = 10_000
_MINUTE, _HOUR = 60, 3_600


def count(number: int, noun: str = "") -> str:
    """`1,234 calls`; from ten thousand on rounded (`12.3k`, `4.5M`)."""
    text = f"{number:,}"
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= max(size, _LARGE):
            text = f"{number / size:.1f}{letter}"
            break
    if not noun:
        return text
    return f"{text} {noun if number == 1 else _plural(noun)}"


def money(nanos: int | None, *, unknown: bool = False) -> str:
    """US dollars of nano-dollars; what has no known price is said, never counted as zero."""
    if nanos is None or (unknown and not nanos):
        return "price unknown"
    usd = nanos / NANO
    text = f"${usd:.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"
    if 0 < usd < 0.0001:  # noqa: PLR2004 - below the last digit shown
        text = "<$0.0001"
    return f"{text} + unknown" if unknown else text


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 10:  # noqa: PLR2004 - one digit of a small number
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"


def characters(number: int) -> str:
    """`812 characters`, `31.2 million characters`."""
    return f"{number / 1e6:.1f} million characters" if number >= 1e6 else f"{number:,} characters"  # noqa: PLR2004 - a million


def _plural(noun: str) -> str:
    head, _, last = noun.rpartition(" ")
    plural = f"{last[:-1]}ies" if last.endswith("y") else f"{last}s"
    return f"{head} {plural}".strip()
