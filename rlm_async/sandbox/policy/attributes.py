"""Reading and writing attributes: the guard behind every `x.a` that model-written code contains."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Protocol

from rlm_async.sandbox.handles import Handle, touch
from rlm_async.sandbox.policy.names import INTERNALS, is_hidden
from rlm_async.sandbox.policy.realm import CLASSES, REFUSED, Realm
from rlm_async.sandbox.policy.refusals import ATTRIBUTES, PolicyError, with_hint, withheld
from rlm_async.sandbox.policy.surfaces import HostFunction, Module, TypeLabel
from rlm_async.sandbox.policy.tables import ALLOWED, ERROR_ATTRIBUTES

_NOTHING = object()


class Getattr(Protocol):
    """`getattr` for code: the allow-list, then the object."""

    def __call__(self, owner: object, name: str, /, *default: object) -> object:
        """The attribute, or the default, or AttributeError; PolicyError where the name is never allowed."""
        ...


def attribute_reader(realm: Realm) -> Getattr:
    """The guard for one namespace."""
    own = realm.own

    def read(owner: object, name: str, /, *default: object) -> object:
        kind = type(owner)
        if kind in ALLOWED:
            value = _known(realm, owner, kind, name)
        elif kind in own:
            return _own(realm, owner, name, default)
        elif kind is Handle:
            return read(touch(owner), name, *default)
        else:
            value = _rare(realm, owner, name)
        if value is not _NOTHING:
            return value
        if default and type(name) is str and not is_hidden(name):
            return default[0]
        raise _missing(realm, owner, name)

    return read


def _known(realm: Realm, owner: object, kind: type, name: str) -> object:
    """An attribute in the tables: the object's own, or a method of ours bound to it."""
    if type(name) is not str or name not in ALLOWED[kind]:
        return _NOTHING
    replaced = realm.replaced.get((kind, name))
    return getattr(owner, name) if replaced is None else MethodType(replaced, owner)


def _own(realm: Realm, owner: object, name: str, default: tuple[object, ...]) -> object:
    """An attribute of an object whose class the code has defined: whatever it put there."""
    if type(name) is not str or is_hidden(name):
        raise _refused(name)
    inherited = realm.own[type(owner)].get(name)
    if inherited is None:
        return getattr(owner, name, *default)
    if inherited is REFUSED:
        raise _refused(name)
    return MethodType(inherited, owner)  # type: ignore[arg-type]  # the rest are functions


def _rare(realm: Realm, owner: object, name: str) -> object:
    """Façades, objects of the host, classes and exceptions."""
    if type(name) is not str or is_hidden(name):
        raise _refused(name)
    kind = type(owner)
    if kind is Module:
        return owner.members.get(name, _NOTHING)  # type: ignore[attr-defined]
    if kind in realm.host:
        return getattr(owner, name) if name in realm.host[kind] else _NOTHING
    if type(owner) in CLASSES:
        return class_attribute(realm, owner, name)  # type: ignore[arg-type]
    if type(owner) is super:
        return _super_attribute(realm, owner, name)
    if isinstance(owner, BaseException) and name in ERROR_ATTRIBUTES:
        return _plain(getattr(owner, name, _NOTHING), name)
    return _NOTHING


_PLAIN = (str, int, float, bool, type(None))


def _plain(value: object, name: str) -> object:
    if type(value) in _PLAIN or name in {"value", "args"}:
        return value
    return _NOTHING


def class_attribute(realm: Realm, owner: type, name: str) -> object:
    """An attribute of a class: what code put there, or a method in the tables; never one of `type` itself."""
    for base in owner.__mro__:
        if base in realm.own:
            if name in base.__dict__:
                return getattr(owner, name)
        elif base in ALLOWED:
            if name in ALLOWED[base]:
                return realm.replaced.get((base, name)) or getattr(owner, name)
        elif base in realm.host and name in realm.host[base] and not is_hidden(name):
            return getattr(owner, name)
    return _NOTHING


def _super_attribute(realm: Realm, owner: super, name: str) -> object:
    """A method of the next class that has it; `super()` objects exist only between the brackets and the dot."""
    order = owner.__self_class__.__mro__  # type: ignore[attr-defined]
    for base in order[order.index(owner.__thisclass__) + 1 :]:  # type: ignore[attr-defined]
        if name in base.__dict__:
            shown = base in realm.own or (name in ALLOWED.get(base, ()) and (base, name) not in realm.replaced)
            return getattr(owner, name) if shown else _NOTHING
    return _NOTHING


def _refused(name: object) -> PolicyError:
    if type(name) is not str:
        return PolicyError("attribute names must be plain strings")
    return PolicyError(with_hint(f'the attribute "{name[:60]}" is not available', ATTRIBUTES, name))


def _missing(realm: Realm, owner: object, name: object) -> Exception:
    if type(name) is not str or is_hidden(name):
        return _refused(name)
    error = _absent(owner, name)
    held = name in INTERNALS or type(owner) in realm.host or _is_there(owner, name)
    return withheld(error) if held else error


def _is_there(owner: object, name: str) -> bool:
    """Whether plain Python would find it: then it is the policy that says no."""
    if isinstance(owner, HostFunction | TypeLabel):
        return True  # what it stands for has more than it shows
    if isinstance(owner, Module):
        real = sys.modules.get(owner.name)
        return real is None or hasattr(real, name)
    classes = [*type(owner).__mro__, *(type.mro(owner) if isinstance(owner, type) and owner is not type else ())]
    return any(name in vars(base) for base in classes)


def _absent(owner: object, name: str) -> AttributeError:
    if isinstance(owner, Module):
        offers = ", ".join(sorted(owner.members)[:40])
        return AttributeError(f"module {owner.name!r} offers no {name!r} in this sandbox; it offers: {offers}")
    if type(owner) in CLASSES:
        return AttributeError(f"type object {owner.__name__!r} has no attribute {name!r} in this sandbox")  # type: ignore[attr-defined]
    if isinstance(owner, HostFunction | FunctionType | BuiltinFunctionType | MethodType):
        return AttributeError(f"functions have no attribute {name!r} in this sandbox: keep values in variables")
    return AttributeError(f"{type(owner).__name__!r} object has no attribute {name!r} in this sandbox")


def text_attribute(realm: Realm, owner: object, name: str) -> str | None:
    """`x.__name__` and its like: only ever text."""
    owner = touch(owner)
    if type(owner) in CLASSES and (realm.is_shown(owner) or name != "__doc__"):  # type: ignore[arg-type]
        return _text(type.__getattribute__(owner, name), name)
    if isinstance(owner, TypeLabel | Module | HostFunction):
        return owner.name if name in {"__name__", "__qualname__"} else None
    if isinstance(owner, FunctionType | BuiltinFunctionType | MethodType):
        return _text(getattr(owner, name), name)
    if type(owner) in realm.own and name == "__doc__":
        return _text(type(owner).__doc__, name)
    raise AttributeError(f"{type(owner).__name__!r} object has no attribute {name!r} in this sandbox")


def _text(value: object, name: str) -> str | None:
    if name == "__module__":
        return "__main__"
    return value if type(value) is str else None


def write_guard(realm: Realm) -> Callable[[object], object]:
    """The guard behind `x.a = v`: `Writing.write`, quick for the code's own objects."""
    own, write = realm.own, Writing(realm).write

    def quick(owner: object) -> object:
        return owner if type(owner) in own else write(owner)

    return quick


@dataclass(frozen=True, slots=True)
class Writing:
    """The guards behind `x.a = v`, `del x.a`, setattr, delattr and vars."""

    realm: Realm

    def write(self, owner: object) -> object:
        """The object itself, if code may set its attributes: it is of one of its own classes, or one of them."""
        owner = touch(owner)
        kind = type(owner)
        if kind in self.realm.own:
            return owner
        if kind is type and owner in self.realm.own:
            self.realm.shapes.clear()
            return owner
        if isinstance(owner, FunctionType | MethodType):
            raise PolicyError("functions cannot have attributes here: keep the value in a variable or an object")
        name = owner.name if isinstance(owner, Module | HostFunction) else f"a {kind.__name__!r} object"
        raise PolicyError(f"{name} is read-only in this sandbox: define a class of your own to keep values")

    def setattr(self, owner: object, name: object, value: object) -> None:
        """`setattr` for code."""
        owner, name = self.write(owner), touch(name)
        if type(name) is not str or is_hidden(name) or self._hidden(owner, name):
            raise _refused(name)
        setattr(owner, name, value)

    def delattr(self, owner: object, name: object) -> None:
        """`delattr` for code."""
        owner, name = self.write(owner), touch(name)
        if type(name) is not str or is_hidden(name):
            raise _refused(name)
        delattr(owner, name)

    def _hidden(self, owner: object, name: str) -> bool:
        inherited: Mapping[str, object] = self.realm.own.get(type(owner), {})
        return inherited.get(name) is REFUSED

    def vars(self, *owner: object) -> dict[str, object]:
        """A copy of an object's attributes."""
        if not owner:
            raise PolicyError("vars() needs an object here; globals() gives a copy of the variables")
        value = touch(owner[0])
        if type(value) not in self.realm.own:
            kind = PolicyError if hasattr(value, "__dict__") else TypeError
            raise kind("vars() argument must be an object of a class of your own")
        return dict(getattr(value, "__dict__", {}))


def shown_names(realm: Realm, owner: object) -> list[str]:
    """`dir(x)` for code."""
    owner = touch(owner)
    kind = type(owner)
    if isinstance(owner, Module):
        return sorted(owner.members)
    if kind in realm.own:
        names = set(getattr(owner, "__dict__", {}))
        for base in kind.__mro__:
            names |= set(base.__dict__) if base in realm.own else ALLOWED.get(base, frozenset())
        return sorted(name for name in names if not is_hidden(name))
    if kind is type and owner in realm.own:
        return sorted(name for name in owner.__dict__ if not is_hidden(name))
    return sorted(ALLOWED.get(kind, frozenset()) | realm.host.get(kind, frozenset()))
