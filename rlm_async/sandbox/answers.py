"""How code says that it is done: the `answer` dict, FINAL, FINAL_VAR, SUBMIT; and values as plain data."""

from __future__ import annotations

import dataclasses
import json
import math
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction

from rlm_async.sandbox.handles import touch

_DEPTH = 60
_NOTHING = object()


class AnswerTooLarge(ValueError):
    """The answer has more bytes than may leave the sandbox."""


def plain(value: object) -> object:
    """`value` as None, bool, int, float, str, list and dict with str keys; raises TypeError for what has no such form.

    Sets become sorted lists where they can be sorted, tuples lists, dataclasses and objects dicts of their fields,
    dates ISO 8601 text, bytes text (or base64), numbers that JSON lacks their text.
    """
    return _plain(value, _DEPTH)


def _plain(value: object, depth: int) -> object:
    value = touch(value)
    if value is None or type(value) in {bool, str}:
        return value
    if depth == 0:
        raise ValueError("the value is nested too deeply, or contains itself")
    convert = next((convert for kinds, convert in _SCALARS if isinstance(value, kinds)), None)
    if convert is not None:
        return convert(value)
    return _plain_container(value, depth)


def _plain_container(value: object, depth: int) -> object:
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return _sorted([_plain(item, depth - 1) for item in value])
    fields = _fields(value)
    if fields is not None:
        return {name: _plain(item, depth - 1) for name, item in fields.items()}
    if isinstance(value, Iterable) and not callable(value):
        return [_plain(item, depth - 1) for item in value]
    raise TypeError(f"a {type(value).__name__} cannot leave the sandbox; turn it into str, numbers, lists or dicts")


def _number(value: float) -> object:
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    return float(value) if math.isfinite(value) else str(float(value))


def _bytes(value: bytes) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        return b64encode(bytes(value)).decode("ascii")


_SCALARS: tuple[tuple[type | tuple[type, ...], Callable[..., object]], ...] = (
    (Enum, lambda value: plain(value.value)),
    ((int, float), _number),
    (str, str.__str__),
    ((datetime, date, time), lambda value: value.isoformat()),
    ((timedelta, Fraction), str),
    (
        Decimal,
        lambda value: float(value) if math.isfinite(value) and Decimal(repr(float(value))) == value else str(value),
    ),
    ((bytes, bytearray), _bytes),
    (BaseException, lambda value: f"{type(value).__name__}: {value}"),
    (complex, str),
)


def _key(key: object) -> str:
    key = touch(key)
    if type(key) is str:
        return key
    if isinstance(key, tuple):
        return ", ".join(_key(part) for part in key)
    part = plain(key)
    return part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)


def _sorted(items: list[object]) -> list[object]:
    try:
        return sorted(items)  # type: ignore[type-var]
    except TypeError:
        return sorted(items, key=lambda item: (type(item).__name__, repr(item)))


def _fields(value: object) -> dict[str, object] | None:
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    names = getattr(type(value), "_fields", None)
    if isinstance(value, tuple) and names:
        return dict(zip(names, value, strict=True))
    own = getattr(value, "__dict__", None)
    if own and not callable(value) and not isinstance(value, Iterable):
        return {name: item for name, item in own.items() if not name.startswith("_")}
    return None


def _is_true(value: object) -> bool:
    value = touch(value)
    return value is True or (type(value) in {int, str} and value in {1, "true", "True"})


class Answers:
    """What the code has said so far: the `answer` dict of the namespace, and the last FINAL."""

    def __init__(self, variables: Callable[[], Mapping[str, object]], most_bytes: int) -> None:
        self._variables = variables
        self.most = most_bytes
        self._final: object = _NOTHING
        self.dict: dict[str, object] = {"content": "", "ready": False}

    def functions(self) -> dict[str, Callable[..., object]]:
        """FINAL, FINAL_VAR and SUBMIT."""
        return {"FINAL": self.final, "FINAL_VAR": self.final_var, "SUBMIT": self.submit}

    def final(self, *values: object) -> None:
        """`FINAL(x)`: the answer is `x`; the rest of the block still runs."""
        if not values:
            raise TypeError("FINAL() takes the answer: FINAL(value)")
        value = values[0] if len(values) == 1 else list(values)
        self._final = plain(self.dict["content"] if value is self.dict else value)

    def final_var(self, name: object) -> None:
        """`FINAL_VAR("name")`: the answer is that variable's value. The value itself is taken as well."""
        name = touch(name)
        variables = self._variables()
        if type(name) is str:
            stripped = name.strip().strip("\"'")
            if stripped in variables:
                self.final(variables[stripped])
                return
            if stripped.isidentifier() and not any(touch(value) == name for value in variables.values()):
                known = ", ".join(sorted(set(variables) - {"context", "answer"})) or "none yet"
                raise NameError(
                    f"FINAL_VAR: there is no variable {stripped!r}; variables are: {known}. "
                    "Give a variable's name, or use FINAL(value)"
                )
        self.final(name)

    def submit(self, *values: object, **fields: object) -> None:
        """`SUBMIT(x)` or `SUBMIT(field=x, ...)`, as in DSPy; a field `answer` alone is the answer itself."""
        if fields and not values:
            self._final = plain(fields["answer"] if set(fields) == {"answer"} else fields)
        elif values and not fields:
            self.final(*values)
        else:
            raise TypeError("SUBMIT takes one value, SUBMIT(value), or named fields, SUBMIT(answer=value)")

    def collect(self, bound: object) -> tuple[dict[str, object] | None, dict[str, object] | None]:
        """The answer and the draft at the end of a cell; `bound` is what the name `answer` stands for then."""
        bound = touch(bound)
        if bound is not self.dict and isinstance(bound, dict) and {"content", "ready"} & set(bound):
            self.dict.update({name: bound[name] for name in ("content", "ready") if name in bound})
        content = touch(self.dict.get("content", ""))
        if self._final is not _NOTHING:
            value, self._final = self._final, _NOTHING
            return {"value": self._capped(value)}, None
        if _is_true(self.dict.get("ready")):
            self.dict["ready"] = False
            return {"value": self._capped(plain(content))}, None
        if content is None or content == "":
            return None, None
        return None, {"value": self._capped(plain(content))}

    def given(self) -> bool:
        """Whether the code has said that it is done."""
        return self._final is not _NOTHING or _is_true(self.dict.get("ready"))

    def forget(self) -> None:
        """Take back what a failed cell has said."""
        self._final = _NOTHING
        self.dict["ready"] = False

    def _capped(self, value: object) -> object:
        if isinstance(value, str) and len(value) > self.most:
            raise self._too_large(len(value))  # before a copy of it is made, for which there may be no room
        size = sum(
            len(part) if part.isascii() else len(part.encode("utf-8", "surrogatepass"))
            for part in json.JSONEncoder(ensure_ascii=False).iterencode(value)
        )
        if size > self.most:
            raise self._too_large(size)
        return value

    def _too_large(self, size: int) -> AnswerTooLarge:
        return AnswerTooLarge(
            f"the answer has {size:,} bytes or more, and at most {self.most:,} may leave the sandbox; "
            "answer with less: a summary, or the part that was asked for"
        )
