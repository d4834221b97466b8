"""Values as text: `str`, `repr`, `format`, f-strings and `str.format`, without attribute walks or addresses."""

from __future__ import annotations

import re
from _string import formatter_field_name_split, formatter_parser  # type: ignore[import-not-found]
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rlm_async.sandbox.handles import Handle, deep_touch, touch
from rlm_async.sandbox.policy.attributes import Getattr
from rlm_async.sandbox.policy.names import is_dunder
from rlm_async.sandbox.policy.refusals import ATTRIBUTES, PolicyError, with_hint
from rlm_async.sandbox.policy.sizes import check_text, too_large
from rlm_async.sandbox.policy.widths import spec_is_small

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
_SIMPLE = (str, int, float, bool, type(None), bytes, complex)
_CONTAINERS = (list, tuple, set, frozenset)
_LOOKED_AT = 10_000


def text(value: object) -> object:
    """`str(value)` for an f-string field; what formats itself plainly is returned as it is."""
    if type(value) in _SIMPLE:
        return value
    return string(value)


def string(value: object = "") -> str:
    """`str(value)`, with real values inside and no address."""
    value = deep_touch(value)
    return without_addresses(str(value), value)


def shown(value: object) -> str:
    """`repr(value)`, likewise."""
    value = deep_touch(value)
    return without_addresses(repr(value), value)


def escaped(value: object) -> str:
    """`ascii(value)`, likewise."""
    value = deep_touch(value)
    return without_addresses(ascii(value), value)


def without_addresses(result: str, value: object) -> str:
    """An address is cut out, but data that merely looks like one is left alone."""
    if " at 0x" in result and not _is_data(value):
        return _ADDRESS.sub("", result)
    return result


def _is_data(value: object) -> bool:
    todo, looked = [value], 0
    while todo:
        item = todo.pop()
        looked += 1
        if looked > _LOOKED_AT:
            return True
        if type(item) in _CONTAINERS:
            todo.extend(item)  # type: ignore[arg-type]
        elif type(item) is dict:
            todo.extend(item)
            todo.extend(item.values())
        elif type(item) not in _SIMPLE:
            return False
    return True


def formatted(value: object, spec: object = "", conversion: str = "") -> str:
    """`format(value, spec)` after `!r`, `!s` or `!a`, with the width in mind."""
    value, spec = touch(value), touch(spec)
    if not isinstance(spec, str):
        raise TypeError(f"format() argument 2 must be str, not {type(spec).__name__}")
    check_spec(spec)
    if conversion == "s":
        value = string(value)
    elif conversion:
        value = shown(value) if conversion == "r" else escaped(value)
    elif not spec:
        return string(value)
    if isinstance(value, Decimal) and abs(value.adjusted()) > _MOST_DIGITS:
        raise too_large("the formatted number")
    return format(value, spec)


_MOST_DIGITS = 1_000_000


def check_spec(spec: str) -> None:
    """Refuse a width that is a bomb."""
    if not spec_is_small(spec):
        raise too_large("the formatted text")


_PLAIN_TEMPLATE = re.compile(
    r"(?:[^{}]|\{\{|\}\}|\{(?:[0-9]{0,3}|[A-Za-z]\w{0,60})(?:![rs])?(?::[^{}]{0,20})?\})*",
    re.ASCII,
)
_DEEPEST = 2


@dataclass(slots=True)
class _Filling:
    """One template being filled."""

    read: Getattr
    arguments: Sequence[object]
    named: object
    automatic: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))
    length: int = 0

    def fill(self, template: str, depth: int = _DEEPEST) -> str:
        """The text."""
        if depth < 0:
            raise ValueError("Max string recursion exceeded")
        parts: list[str] = []
        for literal, name, spec, conversion in formatter_parser(template):
            if literal:
                parts.append(literal)
            if name is not None:
                if conversion and conversion not in "rsa":
                    raise ValueError(f"Unknown conversion specifier {conversion!r}")
                value = self._field(name)
                parts.append(formatted(value, self.fill(spec, depth - 1) if spec else "", conversion or ""))
            self.length += len(parts[-1]) if parts else 0
            check_text(self.length)
        return "".join(parts)

    def _field(self, name: str) -> object:
        first, rest = formatter_field_name_split(name)
        value = self._first(first)
        for is_attribute, key in rest:
            if is_attribute and is_dunder(key):
                raise PolicyError(with_hint(f'the attribute "{key}" is not available', ATTRIBUTES, key))
            value = self.read(value, key) if is_attribute else touch(value)[key]  # type: ignore[index]
        return touch(value)

    def _first(self, first: object) -> object:
        if first == "":
            first = next(self.automatic)
        if isinstance(first, int):
            if first >= len(self.arguments):
                raise IndexError(f"Replacement index {first} out of range for positional args tuple")
            return self.arguments[first]
        return self.named[first]  # type: ignore[index]


def template_functions(read: Getattr) -> Mapping[str, Callable[..., str]]:
    """`format` and `format_map` of str, quick for plain templates."""

    def fast_format(template: str, /, *arguments: object, **named: object) -> str:
        plain = _PLAIN_TEMPLATE.fullmatch(template) is not None and not Handle.live
        if plain and all(type(a) in _SIMPLE for a in arguments) and all(type(n) in _SIMPLE for n in named.values()):
            if not spec_is_small(template):
                raise too_large("the formatted text")
            return template.format(*arguments, **named)
        return _Filling(read, arguments, named).fill(template)

    def format_map(template: str, mapping: object, /) -> str:
        mapping = touch(mapping)
        if isinstance(mapping, type) or not hasattr(type(mapping), "__getitem__"):
            raise TypeError("format_map() needs a mapping")
        return _Filling(read, (), mapping).fill(template)

    fast_format.__name__ = "format"
    return {"format": fast_format, "format_map": format_map}
