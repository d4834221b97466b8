"""`Enum` for model-written classes: members with names and values, without the machinery of the `enum` module."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_async.sandbox.policy.members import TABLE, Members
from rlm_async.sandbox.policy.names import SPELLS_GUARD, is_dunder
from rlm_async.sandbox.policy.refusals import PolicyError
from rlm_async.sandbox.policy.surfaces import Hint

_MIXINS = (str, int, float)


class EnumRoot:
    """What every enumeration inherits from: `Enum`."""

    name: str
    value: object

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self.name}: {self.value!r}>"

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return self is other


class StrEnumRoot(str, EnumRoot):
    """`StrEnum`: each member is its text."""

    __slots__ = ()
    __str__ = str.__str__
    __hash__ = str.__hash__
    __eq__ = str.__eq__


class IntEnumRoot(int, EnumRoot):
    """`IntEnum`: each member is its number."""

    __str__ = int.__repr__
    __hash__ = int.__hash__
    __eq__ = int.__eq__


for _root, _name in ((EnumRoot, "Enum"), (StrEnumRoot, "StrEnum"), (IntEnumRoot, "IntEnum")):
    _root.__name__ = _root.__qualname__ = _name


def enumeration(name: str, bases: tuple[object, ...], body: dict[str, object]) -> type:
    """The class of a `class X(Enum)` statement."""
    mixins = [base for base in bases if base in _MIXINS]
    roots = [base for base in bases if isinstance(base, type) and issubclass(base, EnumRoot)]
    if len(roots) != 1 or len(mixins) > 1 or len(mixins) + 1 != len(bases) or roots[0].__dict__.get(TABLE):
        raise PolicyError(f"class {name}: inherit from Enum, or from str or int and Enum, and from nothing else")
    values = {key: value for key, value in body.items() if _is_member(key, value)}
    rest = {key: value for key, value in body.items() if key not in values}
    members: dict[str, object] = {}
    kind = Members.__new__(Members, name, (*mixins, roots[0]), {**_plain_text(mixins), **rest, TABLE: members})
    for count, (key, value) in enumerate(values.items(), 1):
        real = _automatic(kind, key, count, members) if isinstance(value, Hint) and value.name == "auto" else value
        alias = next((old for old in members.values() if old.value == real), None)  # type: ignore[attr-defined]
        member = alias or _member(kind, key, real)
        members[key] = member
        type.__setattr__(kind, key, member)
    return kind


def _plain_text(mixins: Sequence[object]) -> dict[str, object]:
    """A mixed-in member compares and hashes as its value; its text is still its name."""
    if not mixins:
        return {}
    mixin = mixins[0]
    return {
        "__eq__": mixin.__eq__, "__hash__": mixin.__hash__, "__str__": EnumRoot.__str__, "__repr__": EnumRoot.__repr__,
    }  # fmt: skip


def _is_member(key: str, value: object) -> bool:
    if is_dunder(key) or key.startswith((SPELLS_GUARD, "_")):
        return False
    return not hasattr(type(value), "__get__")


def _automatic(kind: type, key: str, count: int, members: dict[str, object]) -> object:
    if issubclass(kind, str):
        return key.lower()
    numbers = [member.value for member in members.values() if isinstance(member.value, int)]  # type: ignore[attr-defined]
    return max(numbers) + 1 if numbers else count


def _member(kind: type, key: str, value: object) -> object:
    mixin = next((base for base in (str, int, float) if issubclass(kind, base)), None)
    member = object.__new__(kind) if mixin is None else mixin.__new__(kind, value)  # type: ignore[arg-type, call-overload]
    member.name, member.value = key, value
    return member
