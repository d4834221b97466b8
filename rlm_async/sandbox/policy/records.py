"""`dataclass` and what goes with it, built from plain functions: nothing is generated as source and executed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import total_ordering
from typing import Final, NoReturn

from rlm_async.sandbox.handles import touch
from rlm_async.sandbox.policy.classes import own_fields
from rlm_async.sandbox.policy.names import SPELLS_GUARD
from rlm_async.sandbox.policy.realm import Checked, Realm
from rlm_async.sandbox.policy.refusals import PolicyError

TABLE = f"{SPELLS_GUARD}record"
MISSING: Final = object()


class FrozenInstanceError(AttributeError):
    """A frozen object was assigned to."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record, as `field(...)` describes it."""

    name: str = ""
    default: object = MISSING
    factory: Callable[[], object] | None = None
    init: bool = True
    repr: bool = True
    compare: bool = True
    kw_only: bool = False

    def value(self) -> object:
        """What it is when nothing is given; MISSING if something has to be."""
        return self.factory() if self.factory is not None else self.default


Fields = dict[str, Field]


@dataclass(frozen=True, slots=True)
class Records:
    """The names of the `dataclasses` module for one namespace."""

    realm: Realm
    checked: Checked

    def dataclass(self, kind: object = None, /, **options: object) -> object:
        """`@dataclass`, with or without brackets."""
        known = {
            "init",
            "repr",
            "eq",
            "order",
            "frozen",
            "slots",
            "kw_only",
            "unsafe_hash",
            "match_args",
            "weakref_slot",
        }
        unknown = sorted(set(options) - known)
        if unknown:
            raise TypeError(f"dataclass() got an unexpected keyword argument {unknown[0]!r}")
        if kind is None:
            return self.realm.admit(lambda real: self._made(real, options))
        return self._made(kind, options)

    def _made(self, kind: object, options: dict[str, object]) -> type:
        if not isinstance(kind, type) or kind not in self.realm.own or issubclass(kind, BaseException | tuple):
            raise PolicyError("@dataclass works on classes of your own")
        fields: Fields = {}
        for base in reversed(kind.__mro__[1:]):
            fields.update(base.__dict__.get(TABLE, {}))
        for name in own_fields(kind):
            fields[name] = _field(name, kind.__dict__.get(name, MISSING), kw_only=bool(options.get("kw_only")))
        for name in own_fields(kind):
            _set_default(kind, fields[name])
        type.__setattr__(kind, TABLE, fields)
        _add_methods(kind, fields, options)
        return kind

    def field(self, *, default: object = MISSING, default_factory: object = None, **options: object) -> Field:
        """`field(...)`."""
        chosen = {name: bool(options[name]) for name in ("init", "repr", "compare", "kw_only") if name in options}
        factory = None if default_factory is None else self.checked(default_factory)
        return replace(Field(default=default, factory=factory), **chosen)  # type: ignore[arg-type]

    def is_dataclass(self, value: object) -> bool:
        """Whether it is a record or a class of records."""
        return _table(touch(value)) is not None

    def fields(self, value: object) -> tuple[Field, ...]:
        """The fields of a record or of its class."""
        return tuple(_required(touch(value)).values())

    def asdict(self, value: object) -> dict[str, object]:
        """A dict of a record, and of the records in it."""
        value = touch(value)
        return {name: _plain(getattr(value, name), self.asdict) for name in _required(value)}

    def astuple(self, value: object) -> tuple[object, ...]:
        """A tuple of a record's values."""
        value = touch(value)
        return tuple(_plain(getattr(value, name), self.astuple) for name in _required(value))

    def replace(self, value: object, /, **changes: object) -> object:
        """A copy with some fields changed."""
        value = touch(value)
        old = {name: getattr(value, name) for name, field in _required(value).items() if field.init}
        return type(value)(**{**old, **changes})


def _table(value: object) -> Fields | None:
    kind = value if isinstance(value, type) else type(value)
    return getattr(kind, TABLE, None)


def _required(value: object) -> Fields:
    table = _table(value)
    if table is None:
        raise TypeError("this needs an object of a dataclass")
    return table


def _plain(value: object, convert: Callable[[object], object]) -> object:
    value = touch(value)
    if _table(value) is not None and not isinstance(value, type):
        return convert(value)
    if type(value) in (list, tuple, set):
        return type(value)(_plain(item, convert) for item in value)  # type: ignore[attr-defined, call-arg]
    if type(value) is dict:
        return {key: _plain(item, convert) for key, item in value.items()}
    return value


def _field(name: str, given: object, *, kw_only: bool) -> Field:
    if type(given) is Field:
        return Field(
            name, given.default, given.factory, init=given.init, repr=given.repr, compare=given.compare,
            kw_only=given.kw_only or kw_only,
        )  # fmt: skip
    if type(given) in (list, dict, set):
        raise ValueError(f"mutable default {type(given).__name__} for field {name}: use field(default_factory=...)")
    return Field(name, given, kw_only=kw_only)


def _set_default(kind: type, field: Field) -> None:
    if field.default is not MISSING:
        type.__setattr__(kind, field.name, field.default)
    elif field.name in kind.__dict__:
        type.__delattr__(kind, field.name)


def _add_methods(kind: type, fields: Fields, options: dict[str, object]) -> None:
    compared = [name for name, field in fields.items() if field.compare]
    type.__setattr__(kind, "__match_args__", tuple(name for name, field in fields.items() if field.init))
    for name, value in _methods(kind, fields, compared, options).items():
        if name not in kind.__dict__ or (name == "__hash__" and value is not None):
            type.__setattr__(kind, name, value)
    if options.get("order"):
        type.__setattr__(kind, "__lt__", _order(compared))
        total_ordering(kind)
    if options.get("frozen"):
        type.__setattr__(kind, "__setattr__", _frozen)
        type.__setattr__(kind, "__delattr__", _frozen)


def _methods(kind: type, fields: Fields, compared: list[str], options: dict[str, object]) -> dict[str, object]:
    """What a data class gets unless it has it already."""
    added: dict[str, object] = {}
    if options.get("init", True):
        added["__init__"] = _initialiser(kind, fields)
    if options.get("repr", True):
        added["__repr__"] = _shower([name for name, field in fields.items() if field.repr])
    if options.get("eq", True):
        added["__eq__"], added["__hash__"] = _equality(compared), None
        if options.get("frozen") or options.get("unsafe_hash"):
            added["__hash__"] = lambda self: hash(_values(self, compared))
    return added


def _frozen(_self: object, name: str, *_value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _initialiser(kind: type, fields: Fields) -> Callable[..., None]:
    positional = [field for field in fields.values() if field.init and not field.kw_only]
    known = {field.name for field in fields.values() if field.init}

    def __init__(self: object, *arguments: object, **named: object) -> None:  # noqa: N807  # it is one
        if len(arguments) > len(positional):
            raise TypeError(
                f"{kind.__name__}() takes {len(positional)} positional arguments, {len(arguments)} were given"
            )
        values = {field.name: value for field, value in zip(positional, arguments, strict=False)}
        for name, value in named.items():
            if name not in known or name in values:
                problem = "multiple values for" if name in values else "an unexpected keyword"
                raise TypeError(f"{kind.__name__}() got {problem} argument {name!r}")
            values[name] = value
        for name, field in fields.items():
            value = values[name] if name in values else field.value()
            if value is MISSING:
                raise TypeError(f"{kind.__name__}() missing required argument: {name!r}")
            object.__setattr__(self, name, value)
        if hasattr(kind, "__post_init__"):
            self.__post_init__()  # type: ignore[attr-defined]

    return __init__


def _shower(names: list[str]) -> Callable[[object], str]:
    def __repr__(self: object) -> str:  # noqa: N807  # it is one
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _values(owner: object, names: list[str]) -> tuple[object, ...]:
    return tuple(getattr(owner, name) for name in names)


def _equality(names: list[str]) -> Callable[[object, object], object]:
    def __eq__(self: object, other: object) -> object:  # noqa: N807  # it is one
        if type(other) is not type(self):
            return NotImplemented
        return _values(self, names) == _values(other, names)

    return __eq__


def _order(names: list[str]) -> Callable[[object, object], object]:
    def __lt__(self: object, other: object) -> object:  # noqa: N807  # it is one
        if type(other) is not type(self):
            return NotImplemented
        return _values(self, names) < _values(other, names)

    return __lt__
