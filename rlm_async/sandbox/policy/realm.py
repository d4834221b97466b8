"""One namespace's world: which classes and functions are its own, which types and errors the host has added."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Final, TypeVar

from rlm_async.sandbox.policy.lazy import Depth, depth_of
from rlm_async.sandbox.policy.members import Members
from rlm_async.sandbox.policy.surfaces import Function, Module, Root, TypeLabel
from rlm_async.sandbox.policy.tables import ALLOWED, UNSHOWN

REFUSED: Final = object()
"""Stands for an inherited attribute that is not shown."""


Admitted = TypeVar("Admitted", bound=Function)


CLASSES = (type, Members, ABCMeta)
"""The types of classes that code may hold."""


@dataclass(slots=True)
class Realm:
    """What the guards of one namespace share."""

    scope: dict[str, object] = field(default_factory=dict)
    """The globals of the code; a function is the code's own if these are its globals."""
    own: dict[type, Mapping[str, object]] = field(default_factory=dict)
    """Classes that the code has defined -> attributes inherited from ours: REFUSED, or what stands in for them."""
    host: dict[type, frozenset[str]] = field(default_factory=dict)
    """Types of the host -> attributes that they show."""
    errors: set[type] = field(default_factory=set)
    """Exception types that code may name, raise and inherit from."""
    listed: frozenset[type] = frozenset()
    """Exception types that functions of the host raise on purpose."""
    functions: dict[object, Depth] = field(default_factory=dict)
    """Functions of ours and of the standard library that code may call -> what of their arguments must be real."""
    substitutes: dict[object, Function] = field(default_factory=dict)
    """Types and functions that are called through another function."""
    methods: dict[type, dict[str, Function]] = field(default_factory=dict)
    """Type -> method name -> the unbound function that is called."""
    shapes: dict[type, dict[str, Function]] = field(default_factory=dict)
    """Classes of the code -> methods that were called before; forgotten when a class is written to."""
    prepared: dict[object, Function] = field(default_factory=dict)
    """Builtin functions and types that have been called before -> what is called for them."""
    replaced: dict[tuple[type, str], Function] = field(default_factory=dict)
    """Methods that are not called as they are: bounded ones, and those that call back."""
    reflective: set[object] = field(default_factory=set)
    """Functions that read or write by name: code calls them itself, and hands them to nobody."""
    modules: dict[str, Module] = field(default_factory=dict)
    labels: dict[str, TypeLabel] = field(default_factory=dict)

    def is_own_function(self, function: object) -> bool:
        """Whether the code itself has defined it."""
        return type(function) is FunctionType and function.__globals__ is self.scope

    def admit(self, function: Admitted, depth: Depth | None = None) -> Admitted:
        """Let code call a function of ours, or of the standard library."""
        self.functions[function] = depth_of(function) if depth is None else depth
        return function

    def remember(self, kind: type, name: str) -> None:
        """Keep a method of one of the code's classes, so that the next call need not look for it.

        Only what the object's own attributes can hide, and nothing else: a function in the body of such a class.
        """
        if not kind.__dictoffset__:
            return
        base = next((base for base in kind.__mro__ if name in base.__dict__), object)
        function = base.__dict__.get(name)
        if base in self.own and type(function) is FunctionType and function.__globals__ is self.scope:
            self.shapes.setdefault(kind, {})[name] = function

    def depth(self, function: object) -> Depth:
        """What of a function's arguments must be real."""
        return self.functions.get(function) or depth_of(function)

    def is_shown(self, kind: type) -> bool:
        """Whether code may hold this type."""
        if kind in ALLOWED:
            return kind not in UNSHOWN
        return kind in self.own or kind in self.errors or kind in self.host or kind is Root

    def scope_builtin(self, name: str) -> object:
        """A builtin of this namespace."""
        table = self.scope["__builtins__"]
        return table.get(name) if isinstance(table, dict) else None

    def label(self, kind: type) -> TypeLabel:
        """What stands for a type that code may not hold; one for each name."""
        return self.labels.setdefault(kind.__name__, TypeLabel(kind.__name__))


Checked = Callable[[object], Function]
"""Gives back what may be called in place of something callable, or raises PolicyError or TypeError."""
