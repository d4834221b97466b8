"""Operators that can explode, bounded: `*`, `**`, `<<`, `%`, pow() and their in-place forms."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from rlm_async.sandbox.handles import deep_touch, touch
from rlm_async.sandbox.policy.refusals import PolicyError
from rlm_async.sandbox.policy.sizes import bits, check_bits, check_repetition, too_large
from rlm_async.sandbox.policy.texts import without_addresses
from rlm_async.sandbox.policy.widths import WIDEST, constant_format_is_small

Operator = Callable[[object, object], object]

_FAST = (int, float)
_FEW_BITS = 64
_STARRED = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(?:\*|\d)?[\d.]*\*")


def multiply(left: object, right: object) -> object:
    """`left * right`."""
    _check_product(left := touch(left), right := touch(right))
    return left * right  # type: ignore[operator]  # Python's own TypeError is the right one


def _check_product(left: object, right: object) -> None:
    if type(left) is float or type(right) is float:
        return
    size, other = bits(left), bits(right)
    if size and other:
        check_bits(size + other)
    elif other or size:
        check_repetition(left, right)
        check_repetition(right, left)


def power(left: object, right: object) -> object:
    """`left ** right`."""
    _check_power(left := touch(left), right := touch(right))
    return left**right  # type: ignore[operator]  # as above


def _check_power(left: object, right: object) -> None:
    if isinstance(right, int) and abs(right) > 1:
        check_bits(bits(left) * abs(right))


def shift(left: object, right: object) -> object:
    """`left << right`."""
    _check_shift(left := touch(left), right := touch(right))
    return left << right  # type: ignore[operator]  # as above


def _check_shift(left: object, right: object) -> None:
    if isinstance(left, int) and isinstance(right, int) and left:
        check_bits(bits(left) + right)


def modulo(left: object, right: object) -> object:
    """`left % right`: a remainder, or text filled into a template."""
    if type(left) in _FAST:
        return left % touch(right)  # type: ignore[operator]  # as above
    left, right = touch(left), touch(right)
    _check_template(left, right)
    if isinstance(left, str):
        right = deep_touch(right)
        return without_addresses(left % right, right)
    return left % right  # type: ignore[operator]  # as above


def _check_template(left: object, right: object) -> None:
    if isinstance(left, bytes | bytearray):
        left = left.decode("latin-1")
    if not isinstance(left, str) or constant_format_is_small(left):
        return
    if "*" not in left:
        raise too_large("the formatted text")
    for value in right if isinstance(right, tuple) else (right,):
        if isinstance(value, int) and abs(value) > WIDEST and _STARRED.search(left):
            raise too_large("the formatted text")
    if not constant_format_is_small(left.replace("*", "")):
        raise too_large("the formatted text")


def modular_power(base: object, exponent: object, modulus: object = None) -> object:
    """`pow(base, exponent[, modulus])`."""
    base, exponent, modulus = touch(base), touch(exponent), touch(modulus)
    if modulus is None:
        return power(base, exponent)
    return pow(base, exponent, modulus)  # type: ignore[call-overload]  # as above


_CHECKS: Mapping[str, Callable[[object, object], None]] = MappingProxyType(
    {"*": _check_product, "**": _check_power, "<<": _check_shift, "%": _check_template},
)
_INPLACE: Mapping[str, Operator] = MappingProxyType(
    {"*": operator.imul, "**": operator.ipow, "<<": operator.ilshift, "%": operator.imod},
)


def inplace(symbol: str, left: object, right: object) -> object:
    """`left *= right` and its like: what is then bound to the left side."""
    left, right = touch(left), touch(right)
    _CHECKS[symbol](left, right)
    return _INPLACE[symbol](left, right)


def inplace_item(symbol: str, owner: object, key: object, right: object) -> None:
    """`owner[key] *= right` and its like; each part is evaluated once."""
    owner, key = touch(owner), touch(key)
    if isinstance(owner, type):
        raise PolicyError("a class has no items")
    result = inplace(symbol, operator.getitem(owner, key), right)  # type: ignore[call-overload]  # as above
    operator.setitem(owner, key, result)  # type: ignore[call-overload]  # as above
