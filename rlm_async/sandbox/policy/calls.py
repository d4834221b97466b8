"""The guard behind every call: what may be called, and what is called in its place."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, MethodType

from rlm_async.sandbox.handles import Handle, touch
from rlm_async.sandbox.policy.attributes import Getattr
from rlm_async.sandbox.policy.lazy import Depth, touched_method, touching
from rlm_async.sandbox.policy.names import CALLED_DUNDERS
from rlm_async.sandbox.policy.realm import CLASSES, Checked, Realm
from rlm_async.sandbox.policy.refusals import ATTRIBUTES, PolicyError, with_hint
from rlm_async.sandbox.policy.surfaces import Function, HostFunction, Module, Root, TypeLabel
from rlm_async.sandbox.policy.tables import ALLOWED, CONSTRUCTIBLE

_PREPARED = (
    functools.partial, functools._lru_cache_wrapper, operator.itemgetter,  # noqa: SLF001  # the type of cached functions
    type(functools.cmp_to_key(lambda a, b: 0)),  # noqa: ARG005  # only its type is wanted
)  # fmt: skip
"""Callable objects whose inner function was checked when code made them."""


@dataclass(frozen=True, slots=True)
class Calls:
    """The guards for calls in one namespace. Each gives back what to call."""

    realm: Realm

    def now(self) -> Checked:
        """For arguments that are there already, or that no call is needed for."""
        scope, resolve, prepared = self.realm.scope, self.resolve, self.realm.prepared

        def call(function: object) -> Function:
            kind = type(function)
            if kind is FunctionType:
                if function.__globals__ is scope:  # type: ignore[attr-defined]
                    return function  # type: ignore[return-value]
            elif (kind is BuiltinFunctionType or kind is type) and not Handle.live:
                known = prepared.get(function)
                if known is not None:
                    return known
            found, depth = resolve(function)
            return touching(found, depth) if depth is not None and Handle.live else found

        return call

    def late(self) -> Checked:
        """For arguments that are yet to be computed: one of them may be the first lazy value."""
        scope, resolve = self.realm.scope, self.resolve

        def call(function: object) -> Function:
            if type(function) is FunctionType and function.__globals__ is scope:
                return function
            found, depth = resolve(function)
            return found if depth is None else touching(found, depth)

        return call

    def handed(self) -> Checked:
        """For what code gives away to be called: `sorted(key=...)`, `map`, `partial`."""
        call, reflective = self.now(), self.realm.reflective

        def checked(function: object) -> Function:
            found = call(function)
            if type(function) is FunctionType and function in reflective:
                name = function.__name__
                raise PolicyError(f"{name} cannot be handed over: write `lambda x: ...`, and call {name} in it")
            return found

        return checked

    def resolve(self, function: object) -> tuple[Function, Depth | None]:
        """What to call, and what of its arguments must be real; None if it does its own touching."""
        kind = type(function)
        if kind is FunctionType:
            depth = self.realm.functions.get(function)
            found: Resolved = None if depth is None else (function, depth)  # type: ignore[assignment]
        elif kind is HostFunction:
            return function.run, None  # type: ignore[attr-defined]
        elif kind is Handle:
            return self.resolve(touch(function))
        elif kind in CLASSES:
            found = self._class(function)
        elif kind in self.realm.own:
            has_call = any("__call__" in base.__dict__ for base in kind.__mro__ if base in self.realm.own)
            found = (function, None) if has_call else None  # type: ignore[assignment]
        else:
            found = self._other(function, kind)
        if found is None:
            raise _not_callable(function)
        if kind is type or (kind is BuiltinFunctionType and function in self.realm.functions):
            self.realm.prepared[function] = found[0]
        return found

    def _class(self, function: object) -> Resolved:
        realm = self.realm
        if function in realm.own or function in realm.host:
            return function, None
        known = function in CONSTRUCTIBLE or function in realm.substitutes or function in realm.errors
        return self._substituted(function) if known or function in realm.functions or function is Root else None

    def _other(self, function: object, kind: type) -> Resolved:
        if _is_own_method(self.realm, function):
            return function, None  # type: ignore[return-value]
        if _is_method(self.realm, function, kind):
            return self._substituted(function)
        return (function, Depth.DEEP) if kind in _PREPARED else None  # type: ignore[return-value]

    def _substituted(self, function: object) -> tuple[Function, Depth]:
        return self.realm.substitutes.get(function, function), self.realm.depth(function)  # type: ignore[arg-type]


Resolved = tuple[Function, Depth | None] | None


def _is_own_method(realm: Realm, function: object) -> bool:
    return type(function) is MethodType and (
        realm.is_own_function(function.__func__) or type(function.__self__) in realm.host
    )


def _is_method(realm: Realm, function: object, kind: type) -> bool:
    """Whether it is a builtin function or a method that the tables know."""
    if kind is BuiltinFunctionType:
        return function in realm.functions or _is_known(realm, function.__self__, function.__name__)  # type: ignore[attr-defined]
    if kind is MethodType:
        if function in realm.functions:
            return True
        return _is_known_method(realm, function.__func__, type(function.__self__))  # type: ignore[attr-defined]
    if kind is MethodDescriptorType:
        owner, name = function.__objclass__, function.__name__  # type: ignore[attr-defined]
        return name in ALLOWED.get(owner, ()) and (owner, name) not in realm.replaced
    return False


def _is_known_method(realm: Realm, inner: object, owner: type) -> bool:
    """Whether a method written in Python is the code's own, one of ours, or in the tables."""
    if type(inner) is not FunctionType:
        return False
    if realm.is_own_function(inner) or inner in realm.functions:
        return True
    name = inner.__name__
    return realm.methods.get(owner, {}).get(name) is inner or name in realm.host.get(owner, ())


def _is_known(realm: Realm, owner: object, name: str) -> bool:
    """Whether a builtin method's owner is of a type in the tables, or such a type itself (`dict.fromkeys`)."""
    kind = owner if type(owner) is type else type(owner)
    if kind in ALLOWED:
        return name in ALLOWED[kind] and (kind, name) not in realm.replaced
    bases = kind.__mro__ if kind in realm.own else ()
    return any(name in ALLOWED.get(base, ()) for base in bases)


def _not_callable(function: object) -> Exception:
    if isinstance(function, Module):
        return TypeError(f"{function!r} is a module: call one of its functions")
    if isinstance(function, TypeLabel):
        return PolicyError(f"{function!r} is the name of a type here: it cannot be called")
    if callable(function):
        return PolicyError(f"calling this {type(function).__name__!r} object is not allowed in this sandbox")
    return TypeError(f"{type(function).__name__!r} object is not callable")


Method = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Lookups:
    """How a method is found that no table holds."""

    realm: Realm
    read: Getattr
    checked: Checked
    late: Checked

    def found(self, owner: object, name: str) -> Function:
        """The method, for arguments that are there already."""
        if type(owner) is Module:
            function = owner.calls.get(name)
            if function is not None:
                return touching(function, self.realm.depth(owner.members[name])) if Handle.live else function
        return self.checked(self.read(owner, name))

    def found_late(self, owner: object, name: str) -> Function:
        """The method, for arguments that are yet to be computed."""
        return self.late(self.read(owner, name))

    def own(self, owner: object, name: str) -> Function:
        """A method that is in no table: of one of the code's own objects, a module, or something rare."""
        inherited = self.realm.own.get(type(owner))
        if inherited is None or name in inherited:
            return self.found(owner, name)
        bound = getattr(owner, name)  # the grammar has seen to it that the name is none of Python's own
        if type(bound) is MethodType and self.realm.is_own_function(bound.__func__):
            self.realm.remember(type(owner), name)
            return bound
        return self.checked(bound)


def method_guards(  # noqa: C901  # one closure for each number of arguments: a loop over them would cost a call
    realm: Realm, lookups: Lookups
) -> dict[str, Method]:
    """The fused guards: look a method up and call it, in one step for up to three plain arguments."""
    tables, shapes, own_method = realm.methods, realm.shapes, lookups.own

    def method0(owner: object, name: str) -> object:
        kind = type(owner)
        if kind in shapes:
            shape = shapes[kind]
            if name in shape and name not in owner.__dict__:
                return shape[name](owner)
        else:
            try:
                function = tables[kind][name]
            except KeyError:
                return own_method(owner, name)()
            return function(owner)
        return own_method(owner, name)()

    def method1(owner: object, name: str, first: object) -> object:
        kind = type(owner)
        if kind in shapes:
            shape = shapes[kind]
            if name in shape and name not in owner.__dict__:
                return shape[name](owner, first)
        else:
            try:
                function = tables[kind][name]
            except KeyError:
                return own_method(owner, name)(first)
            if Handle.live:
                return touched_method(function, owner, first)
            return function(owner, first)
        return own_method(owner, name)(first)

    def method2(owner: object, name: str, first: object, second: object) -> object:
        kind = type(owner)
        if kind in shapes:
            shape = shapes[kind]
            if name in shape and name not in owner.__dict__:
                return shape[name](owner, first, second)
        else:
            try:
                function = tables[kind][name]
            except KeyError:
                return own_method(owner, name)(first, second)
            if Handle.live:
                return touched_method(function, owner, first, second)
            return function(owner, first, second)
        return own_method(owner, name)(first, second)

    def method3(owner: object, name: str, first: object, second: object, third: object) -> object:
        kind = type(owner)
        if kind in shapes:
            shape = shapes[kind]
            if name in shape and name not in owner.__dict__:
                return shape[name](owner, first, second, third)
        else:
            try:
                function = tables[kind][name]
            except KeyError:
                return own_method(owner, name)(first, second, third)
            if Handle.live:
                return touched_method(function, owner, first, second, third)
            return function(owner, first, second, third)
        return own_method(owner, name)(first, second, third)

    def append(owner: object, item: object) -> object:
        """Where the owner is no list; see `inlined`."""
        return method1(owner, "append", item)

    return {
        "method": lookups.found, "method_late": lookups.found_late, "method0": method0, "append": append,
        "method1": method1, "method2": method2, "method3": method3,
    }  # fmt: skip


def method_tables(realm: Realm) -> dict[type, dict[str, Function]]:
    """Type -> name -> unbound function, for every method in the tables that takes its owner first."""
    tables: dict[type, dict[str, Function]] = {}
    for kind, names in ALLOWED.items():
        table = tables.setdefault(kind, {})
        for name in names:
            raw = getattr(kind, name, None)
            function = realm.replaced.get((kind, name), raw)
            if function is not None and isinstance(raw, MethodDescriptorType | FunctionType):
                table[name] = function
            elif isinstance(raw, BuiltinFunctionType):  # static: it knows no owner by which to be recognised
                realm.admit(raw)
    return tables


def dunder_guard(realm: Realm) -> Callable[[object, str], Function]:
    """The guard for `super().__init__(...)` and `Base.__init__(self, ...)`."""

    def dunder(owner: object, name: str) -> Function:
        owner = touch(owner)
        if name in CALLED_DUNDERS:
            if type(owner) is super:
                return getattr(owner, name)  # type: ignore[no-any-return]
            if type(owner) in CLASSES and (owner in realm.own or owner in realm.errors or owner is Root):
                return getattr(owner, name)  # type: ignore[no-any-return]
            if type(owner) in realm.own and any(name in b.__dict__ for b in type(owner).__mro__ if b in realm.own):
                return getattr(owner, name)  # type: ignore[no-any-return]
        raise PolicyError(with_hint(f'the attribute "{name}" is not available', ATTRIBUTES, name))

    return dunder
