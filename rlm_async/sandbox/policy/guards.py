"""Everything that compiled code needs to run: its builtins, the guards, and the import of façades."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rlm_async.sandbox.handles import touch
from rlm_async.sandbox.policy import arithmetic, bounded
from rlm_async.sandbox.policy.attributes import Getattr, Writing, attribute_reader, text_attribute, write_guard
from rlm_async.sandbox.policy.builtin_functions import Builtins
from rlm_async.sandbox.policy.calls import Calls, Lookups, dunder_guard, method_guards, method_tables
from rlm_async.sandbox.policy.classes import Classes
from rlm_async.sandbox.policy.facades import containers, hints, numbers, texts, times
from rlm_async.sandbox.policy.host import host_function
from rlm_async.sandbox.policy.imports import Imports, module_of
from rlm_async.sandbox.policy.inlined import FUNCTIONS
from rlm_async.sandbox.policy.managers import async_manager_guard, catch, manager_guard
from rlm_async.sandbox.policy.names import guard
from rlm_async.sandbox.policy.patterns import PLAIN
from rlm_async.sandbox.policy.realm import Checked, Realm
from rlm_async.sandbox.policy.surfaces import Function
from rlm_async.sandbox.policy.texts import escaped, formatted, shown, string, template_functions, text
from rlm_async.sandbox.policy.waiting import Waiter, Waiting, lazily

_NONE: Mapping[str, type[Exception]] = MappingProxyType({})


def _no_mark() -> object:
    return None


def _no_settling(token: object) -> None:
    del token


@dataclass(frozen=True, slots=True)
class Settling:
    """How the runtime settles the calls of a `try` block.

    `mark()` is called before the block and gives a token; `settle(token)` at its end, and before a return,
    break or continue out of it, still inside the block: it waits for the calls made since the mark, and
    raises the first error, which the block's own handlers then see.
    """

    mark: Callable[[], object] = _no_mark
    settle: Callable[[object], None] = _no_settling


@dataclass(slots=True)
class Box:
    """A value that a `match` pattern compares with."""

    value: object


class Guards:
    """The guards of one namespace.

    - `write`: takes what print writes;
    - `functions`: name -> function of the host. Code can call it, rebinding only shadows it (the value stands
      among the builtins). Arguments arrive as they are, lazy values included. An exception that the function
      raises itself reaches code only if its type is in `exceptions`; others become a RuntimeError without
      details. Exceptions out of code that the function calls pass unchanged;
    - `modules`: façades of the host: dotted name -> name -> function, type or plain value;
    - `types`: type of the host -> the attributes that its instances show. `__call__`, `__enter__`, `__aenter__`,
      `__await__`, `__aiter__`, `__iter__` in the set let it be used in that way. A type that stands in
      `functions` or `modules` can be called by code, which makes an instance;
    - `exceptions`: name -> exception type that code can name, raise, catch and inherit from;
    - `settling`, `waiter`: how the runtime settles a `try` block, and what `await` on a lazy value does.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        functions: Mapping[str, Callable[..., object]] = MappingProxyType({}),
        modules: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
        types: Mapping[type, frozenset[str]] = MappingProxyType({}),
        exceptions: Mapping[str, type[Exception]] = _NONE,
        *,
        settling: Settling = Settling(),
        waiter: Waiter = lazily,
    ) -> None:
        realm = Realm(host=dict(types), listed=frozenset(exceptions.values()))
        self._parts = _Parts(realm, exceptions)
        self._write = write
        self._settling = settling
        self._waiting = Waiting(self._parts.realm, waiter)
        self._functions = functions
        self._modules = modules
        self._built = self._build()

    def namespace(self) -> dict[str, object]:
        """The globals for the code's cells: always the same dict, for functions of one cell live on in the next.

        It holds the code's variables, and names that `is_hidden` tells: guards, `__builtins__`, `__name__`.
        """
        return self._built

    def lend(self, functions: Mapping[str, Callable[..., object]]) -> None:
        """More functions of the host, as in `functions`."""
        table = self._built["__builtins__"]
        if isinstance(table, dict):
            table.update({name: self._host(name, function) for name, function in functions.items()})

    def checked(self, function: object) -> Function:
        """What to call in place of something callable that code has handed over; raises if it may not be called."""
        return self._parts.call(function)

    @property
    def realm(self) -> Realm:
        """The tables behind the guards, for the audit."""
        return self._parts.realm

    def _build(self) -> dict[str, object]:
        parts, realm = self._parts, self._parts.realm
        realm.scope["__name__"] = "__main__"
        table: dict[str, object] = {}
        realm.scope["__builtins__"] = table
        realm.replaced.update(bounded.REPLACED)
        realm.replaced.update(_methods(parts))
        realm.methods.update(method_tables(realm))
        for replaced in realm.replaced.values():
            realm.admit(replaced)
        table.update(Builtins(realm, parts.handed, parts.read, self._write).table())
        table.update(parts.exceptions)
        realm.errors.update(parts.exceptions.values())
        table.update({name: self._host(name, function) for name, function in self._functions.items()})
        imports = Imports(self._import_tables(), realm)
        guards = {guard(name): value for name, value in self._guards(imports).items()}
        table.update(guards)
        # Found at the first look there, and at the third among the builtins; the runtime replaces the rest.
        realm.scope.update({name: value for name, value in guards.items() if name not in _REPLACEABLE})
        table["__build_class__"] = builtins.__build_class__
        return realm.scope

    def _host(self, name: str, value: object) -> object:
        if callable(value) and not isinstance(value, type) and type(value) not in self._parts.realm.host:
            return host_function(self._parts.realm, name, value)
        return value

    def _import_tables(self) -> dict[str, object]:
        parts, realm = self._parts, self._parts.realm
        tables = {
            **texts.modules(realm, parts.handed), **numbers.modules(realm, parts.read), **times.modules(),
            **containers.modules(realm, parts.handed, parts.classes), **hints.modules(),
        }  # fmt: skip
        built: dict[str, object] = {name: module_of(realm, name, table) for name, table in tables.items()}
        for name, table in self._modules.items():
            members = {member: self._host(member, value) for member, value in table.items()}
            built[name] = module_of(realm, name, members)
        return built

    def _guards(self, imports: Imports) -> dict[str, object]:
        parts, realm, waiting = self._parts, self._parts.realm, self._waiting
        writing = Writing(realm)
        return {
            **_operators(parts, writing), **_classes(parts.classes), **parts.methods,
            "getattr": parts.read, "write": write_guard(realm), "call": parts.call, "call_late": parts.late,
            "dunder": dunder_guard(realm),
            "nameof": lambda owner, name: text_attribute(realm, owner, name),
            "typeof": realm.scope_builtin("type"),
            "touch": touch, "text": text, "shown": shown, "string": string, "ascii": escaped, "format": formatted,
            "slice": slice, "box": Box,
            "catch": catch, "Exception": Exception, "manager": manager_guard(realm),
            "amanager": async_manager_guard(realm, waiting.wait), "await": waiting.wait, "aiter": waiting.each,
            "import": imports.whole, "import_from": imports.member,
            "mark": self._settling.mark, "settle": self._settling.settle, "leave": _leaving(self._settling),
            **{name: getattr(builtins, name) for name in PLAIN}, **FUNCTIONS,
            "own": realm.own,
        }  # fmt: skip


_REPLACEABLE = frozenset({guard("await"), guard("aiter"), guard("amanager")})


@dataclass(slots=True)
class _Parts:
    """What the guards of one namespace are made of, in the order in which they need each other."""

    realm: Realm
    exceptions: Mapping[str, type[Exception]]
    read: Getattr = field(init=False)
    call: Checked = field(init=False)
    late: Checked = field(init=False)
    handed: Checked = field(init=False)
    """As `call`, for what code hands to C to be called there."""
    methods: dict[str, Function] = field(init=False)
    classes: Classes = field(init=False)

    def __post_init__(self) -> None:
        self.read = attribute_reader(self.realm)
        calls = Calls(self.realm)
        self.call, self.late, self.handed = calls.now(), calls.late(), calls.handed()
        self.methods = method_guards(self.realm, Lookups(self.realm, self.read, self.call, self.late))
        self.classes = Classes(self.realm)


def _methods(parts: _Parts) -> dict[tuple[type, str], Function]:
    """Methods of builtin types that are replaced by ours, because they call back or read attributes."""
    formats = template_functions(parts.read)

    def sort(items: list[object], *, key: object = None, reverse: object = False) -> None:
        items.sort(key=None if key is None else parts.handed(key), reverse=bool(reverse))  # type: ignore[arg-type]

    return {
        **{(str, name): function for name, function in formats.items()},
        (list, "sort"): sort,
        **texts.replaced(parts.handed), **numbers.replaced(),
    }  # fmt: skip


def _operators(parts: _Parts, writing: Writing) -> dict[str, Function]:
    def inplace_attribute(symbol: str, owner: object, name: str, right: object) -> None:
        owner = writing.write(owner)
        setattr(owner, name, arithmetic.inplace(symbol, parts.read(owner, name), right))

    return {
        "multiply": arithmetic.multiply, "power": arithmetic.power, "shift": arithmetic.shift,
        "modulo": arithmetic.modulo, "inplace": arithmetic.inplace, "inplace_item": arithmetic.inplace_item,
        "inplace_attribute": inplace_attribute,
    }  # fmt: skip


def _classes(classes: Classes) -> dict[str, Function]:
    return {
        "class": classes.build, "super": classes.super_of, "pattern": classes.pattern,
        "plain_pattern": classes.plain_pattern,
    }  # fmt: skip


def _leaving(settling: Settling) -> Callable[[object, object], object]:
    """Settle a `try` block, then give the value that it returns."""

    def leave(token: object, value: object) -> object:
        settling.settle(token)
        return touch(value)

    return leave
