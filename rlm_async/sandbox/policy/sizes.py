"""How large a value may get in one step: what would exceed it is a MemoryError that leaves the variables alone."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from rlm_async.sandbox.policy.widths import WIDEST

CHARACTERS = 64_000_000
"""The longest text or bytes that one operation may build by repetition."""
ITEMS = 16_000_000
"""The longest list or tuple that one operation may build by repetition."""
BITS = 4_000_000
"""The largest integer that one operation may build."""
EXPONENT = 100_000
"""The largest decimal exponent of a number given as text."""

_TEXT = (str, bytes, bytearray)


def too_large(what: str) -> MemoryError:
    """The error for a value that would be too large."""
    return MemoryError(f"{what} would be too large for this sandbox")


def check_text(characters: int) -> None:
    """Refuse a text of so many characters."""
    if characters > CHARACTERS:
        raise too_large("the text")


def check_width(width: object) -> None:
    """Refuse to pad to so many characters."""
    if isinstance(width, int) and width > WIDEST:
        raise too_large("the padded text")


def check_bits(bits: int) -> None:
    """Refuse an integer of so many bits."""
    if bits > BITS:
        raise too_large("the integer")


def bits(number: object) -> int:
    """The size of an exact number, 0 for anything else."""
    if isinstance(number, int):
        return number.bit_length()
    if isinstance(number, Fraction):
        return number.numerator.bit_length() + number.denominator.bit_length()
    return 0


def check_repetition(sequence: object, times: object) -> None:
    """Refuse `sequence * times` where the result would be too long."""
    if not isinstance(times, int) or times <= 1:
        return
    if isinstance(sequence, _TEXT):
        check_text(len(sequence) * times)
    elif hasattr(type(sequence), "__len__") and isinstance(sequence, list | tuple) and len(sequence) * times > ITEMS:
        raise too_large("the list")


def decimal(value: object, *rest: object) -> Decimal:
    """`Decimal(value)`, refused where its exponent makes a bomb of `int()` or of a format."""
    number = Decimal(value, *rest)  # type: ignore[arg-type]  # its own TypeError is the right one
    if number.is_finite() and abs(number.adjusted()) > EXPONENT:
        raise too_large("the number")
    return number


def fraction(numerator: object = 0, denominator: object = None) -> Fraction:
    """`Fraction(...)`, refused where a text's exponent makes a bomb of it."""
    if isinstance(numerator, str):
        _, _, exponent = numerator.lower().replace("_", "").rpartition("e")
        if exponent.strip().lstrip("+-").isdigit() and len(exponent.strip()) > len(str(EXPONENT)):
            raise too_large("the number")
    return Fraction(numerator, denominator)  # type: ignore[call-overload, no-any-return]  # its own TypeError
