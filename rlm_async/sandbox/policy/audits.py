"""The self-audit: walk everything that the guards hand out, and report whatever would be a way out."""

from __future__ import annotations

import builtins
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping

from rlm_async.sandbox.policy.names import guard, is_hidden
from rlm_async.sandbox.policy.surfaces import Module

_KINDS = (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType, types.CellType)
_RAW = (
    object, type, types.FunctionType, types.CodeType, types.ModuleType, types.GeneratorType, types.CoroutineType,
    types.MethodType, types.BuiltinFunctionType, types.FrameType, types.TracebackType,
)  # fmt: skip
_CALLS = tuple(
    getattr(builtins, name)
    for name in ("open", "eval", "exec", "compile", "__import__", "getattr", "setattr", "delattr", "globals", "locals",
                 "vars", "input", "breakpoint", "dir", "memoryview", "super")
)  # fmt: skip
_TRIED = frozenset(
    """gi_frame gi_code gi_yieldfrom cr_frame cr_code cr_await ag_frame ag_code f_globals f_builtins f_locals f_back
    f_code tb_frame tb_next obj mro func args keywords fget fset maps modules sys os codecs enum re builtins
    with_traceback throw format format_map Formatter default_factory __globals__ __closure__ __code__ __class__
    __dict__ __self__ __func__ __wrapped__ __subclasses__ __bases__ __mro__ __base__ __init__ __reduce__
    __traceback__ __context__ __cause__ __builtins__ __module__ __getattribute__ __call__ __get__
    realm run inner scope read _pending pending _parts checked""".split(),  # noqa: SIM905  # a table of names
)
_DEEPEST = 6
_ITEMS = 300

Reader = Callable[[object, str], object]


def audit(namespace: Mapping[str, object]) -> list[str]:
    """Paths, from what code can name, to a module, frame, code object, traceback or raw type; none is the aim."""
    table = namespace["__builtins__"]
    if not isinstance(table, dict):
        return ["__builtins__"]
    read: Reader = table[guard("getattr")]
    return list(_walk(_roots(namespace, table), read, table[guard("typeof")]))


def _roots(namespace: Mapping[str, object], table: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in {**table, **namespace}.items():
        if not is_hidden(name):
            yield name, value
    imports = table[guard("import")]
    for name in sorted(imports.__self__.realm.modules):  # type: ignore[attr-defined]  # a method of Imports
        yield f"import {name}", imports(name, True)  # type: ignore[operator]  # noqa: FBT003  # as the grammar writes it
    yield from _samples().items()


def _samples() -> dict[str, object]:
    """One value of every kind that code can make."""
    match = __import__("re").compile("a(b)?").match("ab")
    return {
        "'text'": "text", "b'data'": b"data", "1": 1, "1.5": 1.5, "[]": [1], "{}": {"a": 1}, "()": (1,), "{1}": {1},
        "lambda": lambda: 0, "generator": (x for x in (1,)), "[].append": [].append, "exception": ValueError("x"),
        "attribute error": AttributeError("x", name="x", obj=types), "name error": NameError("x", name="x"),
        "stop": StopIteration(1), "match": match, "list[int]": list[int], "int|str": int | str, "slice": slice(1),
        "range": range(3), "property": property(str), "None": None, "...": ..., "dict view": {}.keys(),
        "map": map(str, ()), "str.upper": str.upper, "bound": "x".upper, "super": super(_Child, _Child()),
    }  # fmt: skip


class _Child:
    """Something to take `super()` of."""


def _walk(roots: Iterator[tuple[str, object]], read: Reader, type_of: Callable[[object], object]) -> Iterator[str]:
    todo = deque((path, value, 0) for path, value in roots)
    seen: dict[int, object] = {}
    steps = _Steps(read)
    while todo:
        path, value, depth = todo.popleft()
        if _is_way_out(value):
            yield path
        if id(value) in seen or depth >= _DEEPEST:
            continue
        seen[id(value)] = value
        todo.append((f"type({path})", type_of(value), depth + 1))
        todo.extend((step, found, depth + 1) for step, found in steps.of(path, value))


def _is_way_out(value: object) -> bool:
    if isinstance(value, _KINDS) or any(value is raw for raw in (*_RAW, *_CALLS)):
        return True
    return type(value) is dict and "__builtins__" in value


class _Steps:
    """Where one can go from a value; attributes of plain types are allowed by type, so each type is tried once."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._known: dict[type, frozenset[str]] = {}

    def of(self, path: str, value: object) -> Iterator[tuple[str, object]]:
        """Attributes that the guard gives, and items."""
        kind = type(value)
        names = _TRIED.union(dir(value), value.members if isinstance(value, Module) else ())
        given = set()
        for name in sorted(self._known.get(kind, names)):
            try:
                found = self._read(value, name)
            except Exception:  # noqa: BLE001, S112  # whatever a guard raises is a refusal, and that is looked for
                continue
            given.add(name)
            yield f"{path}.{name}", found
        if kind.__module__ != "__main__" and not isinstance(value, type | Module | BaseException):
            self._known.setdefault(kind, frozenset(given))
        yield from _items(path, value)


def _items(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Module):
        return
    if isinstance(value, dict):
        for key, item in list(value.items())[:_ITEMS]:
            yield f"{path}[{key!r:.40}]", item
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(list(value)[:_ITEMS]):
            yield f"{path}[{index}]", item
