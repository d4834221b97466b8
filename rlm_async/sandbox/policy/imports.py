"""Imports: a façade from the table, or an ImportError that says what to use instead."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rlm_async.sandbox.policy.realm import Realm
from rlm_async.sandbox.policy.refusals import MODULES, with_hint, withheld
from rlm_async.sandbox.policy.surfaces import Function, HostFunction, Module


def module_of(realm: Realm, name: str, table: Mapping[str, object]) -> Module:
    """A façade: its functions are admitted, and its callable names prepared for the fused guard."""
    calls: dict[str, Function] = {}
    for member, value in table.items():
        if isinstance(value, HostFunction):
            continue
        if callable(value) and not isinstance(value, type) and type(value) not in realm.host:
            if value not in realm.functions:
                realm.admit(_as_function(value))
            calls[member] = realm.substitutes.get(value, value)
    return Module(name, table, calls)


def _as_function(value: Callable[..., object]) -> Function:
    return value


@dataclass(slots=True)
class Imports:
    """The guards behind `import`."""

    tables: Mapping[str, object]
    realm: Realm

    def __post_init__(self) -> None:
        modules = {name: module for name, module in self.tables.items() if isinstance(module, Module)}
        for name in sorted(modules, key=lambda dotted: -dotted.count(".")):
            parent, _, last = name.rpartition(".")
            if parent:
                old = modules.get(parent)
                members = {**(old.members if old else {}), last: modules[name]}
                modules[parent] = Module(parent, members, old.calls if old else {})
        self.realm.modules.update(modules)

    def whole(self, name: str, named: bool) -> Module:  # noqa: FBT001  # written by the grammar
        """`import a.b` gives `a`; `import a.b as c` gives `a.b`."""
        module = self._find(name)
        return module if named else self._find(name.partition(".")[0])

    def member(self, name: str, member: str) -> object:
        """`from a import b`."""
        module = self._find(name)
        if member in module.members:
            return module.members[member]
        close = difflib.get_close_matches(member, module.members, 3)
        hint = f": did you mean {' or '.join(close)}?" if close else f": it offers {', '.join(sorted(module.members))}"
        raise withheld(ImportError(f"cannot import {member!r} from {name!r} in this sandbox{hint}"))

    def _find(self, name: str) -> Module:
        module = self.realm.modules.get(name)
        if module is not None:
            return module
        text = with_hint(f"module {name!r} is not available in this sandbox", MODULES, name)
        if text.endswith("sandbox"):
            text = with_hint(text, MODULES, name.partition(".")[0])
        raise withheld(ImportError(f"{text}. Available: {', '.join(sorted(self.realm.modules))}"))
