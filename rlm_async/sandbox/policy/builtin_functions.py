"""Python's builtins as model-written code gets them: most as they are, some behind a function that looks first."""

from __future__ import annotations

import builtins
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, UnionType
from typing import NoReturn

from rlm_async.sandbox.handles import touch
from rlm_async.sandbox.policy.arithmetic import modular_power
from rlm_async.sandbox.policy.attributes import Getattr, Writing, shown_names
from rlm_async.sandbox.policy.bounded import check_codec
from rlm_async.sandbox.policy.lazy import Depth
from rlm_async.sandbox.policy.names import is_hidden
from rlm_async.sandbox.policy.realm import CLASSES, Checked, Realm
from rlm_async.sandbox.policy.refusals import BUILTINS, PolicyError
from rlm_async.sandbox.policy.sizes import check_text
from rlm_async.sandbox.policy.streams import Stream, tame
from rlm_async.sandbox.policy.surfaces import Function, Hint, HostFunction, Root, TypeLabel
from rlm_async.sandbox.policy.texts import escaped, formatted, shown, string

AS_THEY_ARE = """abs all any ascii bin bool bytearray bytes chr complex dict divmod enumerate filter float frozenset
    hash hex int iter len list map max min next oct ord range repr reversed round set slice sorted str sum tuple zip
    property staticmethod classmethod"""

ERRORS = """Exception ArithmeticError AssertionError AttributeError BufferError EOFError FloatingPointError
    ImportError IndexError KeyError LookupError MemoryError ModuleNotFoundError NameError NotImplementedError
    OSError OverflowError RecursionError ReferenceError RuntimeError StopAsyncIteration StopIteration SyntaxError
    TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError
    ValueError ZeroDivisionError Warning DeprecationWarning FutureWarning RuntimeWarning UserWarning SyntaxWarning
    FileNotFoundError FileExistsError PermissionError ConnectionError InterruptedError IndentationError"""


class SystemExit(Exception):  # noqa: A001  # code knows it by this name
    """Raised by code that wants to end: here an error like any other."""


class KeyboardInterrupt(Exception):  # noqa: A001  # as above
    """Never raised by the sandbox; code may name it."""


class GeneratorExit(Exception):  # noqa: A001  # as above
    """Never raised by the sandbox; code may name it."""


STAND_INS: Mapping[str, type[Exception]] = {
    "BaseException": Exception,
    "SystemExit": SystemExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "GeneratorExit": GeneratorExit,
    "IOError": OSError,
    "EnvironmentError": OSError,
}
"""What the names mean here: an `except BaseException` catches `Exception`."""


def refuser(name: str, hint: str) -> HostFunction:
    """A builtin that is not offered, and says what to use instead."""

    def refused(*_arguments: object, **_named: object) -> NoReturn:
        raise PolicyError(f"{name}() is not available in this sandbox: {hint}")

    return HostFunction(name, refused)


@dataclass(slots=True)
class Builtins:
    """The builtins of one namespace."""

    realm: Realm
    checked: Checked
    read: Getattr
    write: Callable[[str], None]
    salt: int = 0

    def table(self) -> dict[str, object]:
        """Name -> value; fills the realm's tables on the way."""
        self.salt = secrets.randbits(64) | 1
        names: dict[str, object] = {name: getattr(builtins, name) for name in AS_THEY_ARE.split()}
        for function in names.values():
            self.realm.admit(function)  # type: ignore[type-var]  # all of them are callable
        self.realm.substitutes.update(self._substitutes())
        errors = {name: getattr(builtins, name) for name in ERRORS.split()} | dict(STAND_INS)
        self.realm.errors.update(errors.values())
        constants = {name: getattr(builtins, name) for name in ("None", "True", "False", "Ellipsis", "NotImplemented")}
        for name, function in self._own().items():
            names[name] = self.realm.admit(function, Depth.DEEP if name == "print" else Depth.SHALLOW)
        self.realm.reflective.update(names[name] for name in ("getattr", "setattr", "delattr", "vars", "globals"))
        refused = {name: refuser(name, hint) for name, hint in BUILTINS.items() if name not in names}
        return {**refused, **names, **errors, **constants, "object": Root}

    def _own(self) -> dict[str, Function]:
        """Functions that are ours altogether."""
        writing = Writing(self.realm)
        realm, read = self.realm, self.read

        def getattr(owner: object, name: object, /, *default: object) -> object:  # noqa: A001
            return read(touch(owner), touch(name), *default)  # type: ignore[arg-type]  # read checks it

        def hasattr(owner: object, name: object, /) -> bool:  # noqa: A001
            try:
                getattr(owner, name)
            except (AttributeError, PolicyError):
                return False
            return True

        def dir(*owner: object) -> list[str]:  # noqa: A001
            return shown_names(realm, owner[0]) if owner else sorted(variables())

        def variables() -> dict[str, object]:
            return {name: value for name, value in realm.scope.items() if not is_hidden(name)}

        own: dict[str, Function] = {
            "getattr": getattr, "hasattr": hasattr, "setattr": writing.setattr, "delattr": writing.delattr,
            "dir": dir, "vars": writing.vars,
            "globals": variables, "type": self.type_of, "isinstance": self.isinstance, "issubclass": self.issubclass,
            "callable": self.callable, "id": self.id, "print": self.print, "pow": modular_power,
            "format": lambda value, spec="": formatted(value, spec),
        }  # fmt: skip
        return {name: named(function, name) for name, function in own.items()}

    def _substitutes(self) -> dict[object, Function]:
        """Builtins that are called through a function of ours."""
        return {
            str: _string, repr: shown, ascii: escaped, bytes: sized(bytes), bytearray: sized(bytearray),
            sorted: self._ordering(sorted), min: self._ordering(min), max: self._ordering(max),
            map: self._mapped, filter: self._filtered, iter: self._iterated,
            zip: lambda *streams, strict=False: tame(zip, *streams, strict=strict),
            enumerate: lambda iterable, start=0: tame(enumerate, iterable, start),
            property: self._decorating(property), staticmethod: self._decorating(staticmethod),
            classmethod: self._decorating(classmethod),
        }  # fmt: skip

    def _ordering(self, plain: Function) -> Function:
        def ordered(*arguments: object, key: object = None, **named: object) -> object:
            if key is not None:
                named["key"] = self.checked(key)
            return plain(*arguments, **named)

        return ordered

    def _mapped(self, function: object, *streams: object) -> object:
        return tame(map, self.checked(function), *streams)

    def _filtered(self, function: object, stream: object) -> object:
        return tame(filter, None if function is None else self.checked(function), stream)

    def _iterated(self, value: object, *sentinel: object) -> object:
        if sentinel:
            return iter(self.checked(value), *sentinel)
        return value if isinstance(value, Stream) else iter(value)  # type: ignore[call-overload]  # as above

    def _decorating(self, plain: Function) -> Function:
        def decorated(*functions: object, **named: object) -> object:
            real = [self.checked(function) if builtins.callable(function) else function for function in functions]
            return plain(*real, **named)

        return decorated

    # -- types

    def type_of(self, *arguments: object) -> object:
        """`type(x)`: the type where it is harmless, something with its name otherwise."""
        if len(arguments) != 1:
            raise PolicyError("type() takes one argument here: write a class statement instead")
        kind = type(touch(arguments[0]))
        if kind in CLASSES:
            return self.realm.scope_builtin("type")
        return kind if self.realm.is_shown(kind) else self.realm.label(kind)

    def isinstance(self, value: object, kinds: object) -> bool:
        """`isinstance` for code: types, tuples of them, names of typing."""
        value = touch(value)
        return any(self._is_a(value, kind) for kind in _flat(kinds))

    def _is_a(self, value: object, kind: object) -> bool:
        if kind is Root:
            return True
        if kind is self.realm.scope_builtin("type"):
            return type(value) in CLASSES
        if isinstance(kind, TypeLabel):
            return self.realm.label(type(value)) is kind
        if isinstance(kind, Hint) and kind.kinds:
            return isinstance(value, kind.kinds)
        return isinstance(value, kind)  # type: ignore[arg-type]  # its own TypeError

    def issubclass(self, kind: object, kinds: object) -> bool:
        """`issubclass` for code."""
        kind = touch(kind)
        if not isinstance(kind, type):
            raise TypeError("issubclass() arg 1 must be a class")
        return any(base is Root or issubclass(kind, _real(base)) for base in _flat(kinds))

    def callable(self, value: object) -> bool:
        """Whether code may call it."""
        value = touch(value)
        try:
            self.checked(value)
        except (PolicyError, TypeError):
            return type(value) is FunctionType and value in self.realm.reflective
        return True

    def id(self, value: object) -> int:
        """A number that tells objects apart, and is no address."""
        return (builtins.id(touch(value)) * self.salt) % (1 << 63)

    # -- output

    def print(
        self, *values: object, sep: object = " ", end: object = "\n", file: object = None, flush: object = False,
    ) -> None:  # fmt: skip
        """`print`, to the cell's output or to a file in memory."""
        del flush
        write: Function = self.write
        if file is not None:
            file = touch(file)
            write = self.checked(self.read(file, "write"))
        separator = " " if sep is None else str(touch(sep))
        text = separator.join([value if type(value) is str else string(value) for value in values])
        write(text + ("\n" if end is None else str(touch(end))))


def named(function: Function, name: str) -> Function:
    """The function under the name that code knows it by."""
    if hasattr(function, "__self__"):
        inner = function

        def renamed(*arguments: object, **named: object) -> object:
            return inner(*arguments, **named)

        function = renamed
    function.__name__ = function.__qualname__ = name
    return function


def _flat(kinds: object) -> Iterator[object]:
    kinds = touch(kinds)
    if type(kinds) is tuple:
        for kind in kinds:
            yield from _flat(kind)
    elif isinstance(kinds, UnionType):
        yield from kinds.__args__
    else:
        yield kinds


def _real(kind: object) -> tuple[type, ...]:
    if isinstance(kind, type):
        return (kind,)
    if isinstance(kind, Hint) and kind.kinds:
        return kind.kinds
    raise TypeError("issubclass() arg 2 must be a class or a tuple of classes")


def _string(value: object = "", *codec: object, **named: object) -> str:
    """`str(x)`, or `str(data, encoding)`."""
    if not codec and not named:
        return string(value)
    check_codec(*[*codec, *named.values(), None, None][:2])
    return str(value, *codec, **named)


def sized(kind: type) -> Function:
    """`bytes(n)` and `bytearray(n)`, with `n` in mind."""

    def make(source: object = b"", *codec: object, **named: object) -> object:
        source = touch(source)
        if isinstance(source, int):
            check_text(source)
        if codec or named:
            check_codec(*[*codec, *named.values(), None, None][:2])
        return kind(source, *codec, **named)

    return make
