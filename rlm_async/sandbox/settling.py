"""The end of a cell for its variables: every handle in them gives way to its value, wherever it lies."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, MutableMapping
from functools import partial
from types import FunctionType, MethodType

from rlm_async.sandbox.handles import Handle, deep_touch

_MOST = 200_000


def resolve(scope: MutableMapping[str, object], names: Iterable[str], own: Container[type]) -> None:
    """Replace all handles that are reachable from these variables; none of them is waiting any more.

    `scope` are the globals of the code, `own` the classes it has defined. A variable whose call failed is
    unbound: the sequential program never got to bind it. Inside of containers and objects the failure is
    the text `Error: <type>: <message>`.
    """
    if Handle.live == 0:
        return
    walk = _Walk(scope, own)
    for name in [name for name in names if name in scope]:
        value = scope[name]
        if type(value) is Handle and _failed(value):
            del scope[name]
        else:
            scope[name] = walk.settled(value)
    walk.finish()


def _failed(handle: Handle) -> bool:
    return getattr(handle.pending, "error", None) is not None and not getattr(handle.pending, "soft", False)


def excuse(handle: Handle) -> object:
    """The value of a handle, or its error as text."""
    try:
        return deep_touch(handle.force())
    except Exception as error:  # noqa: BLE001  # the error has been told; here it only fills its place
        return f"Error: {type(error).__name__}: {error}"


class _Walk:
    """Goes through containers, objects, closures and partials, each once."""

    def __init__(self, scope: MutableMapping[str, object], own: Container[type]) -> None:
        self._scope = scope
        self._own = own
        self._seen: dict[int, object] = {}
        self._todo: list[object] = []

    def settled(self, value: object) -> object:
        """What takes the place of a value: itself, unless it is a handle or an immutable with one in it."""
        kind = type(value)
        if kind is Handle:
            return excuse(value)  # type: ignore[arg-type]
        if kind is tuple or kind is frozenset or (isinstance(value, tuple) and hasattr(value, "_make")):
            return self._rebuilt(value)
        self._todo.append(value)
        return value

    def _rebuilt(self, value: object) -> object:
        parts = list(value)  # type: ignore[call-overload]
        new = [self.settled(part) for part in parts]
        if all(a is b for a, b in zip(new, parts, strict=True)):
            return value
        make: Callable[[list[object]], object] = getattr(value, "_make", type(value))
        return make(new)

    def finish(self) -> None:
        """Go on until nothing is left."""
        while self._todo and len(self._seen) < _MOST:
            value = self._todo.pop()
            if id(value) in self._seen or type(value) in _ATOMS:
                continue
            self._seen[id(value)] = value
            self._inside(value)

    def _inside(self, value: object) -> None:
        if isinstance(value, dict):
            self._mapping(value)
        elif isinstance(value, set):
            self._set(value)
        elif isinstance(value, list | deque):
            self._sequence(value)
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, MethodType):
            self._todo += [value.__self__, value.__func__]
        elif isinstance(value, partial):
            self._todo += [value.func, *value.args, *value.keywords.values()]
        if type(value) in self._own or (isinstance(value, type) and value in self._own):
            self._object(value)

    def _set(self, value: set[object]) -> None:
        if any(type(part) is Handle or type(part) is tuple for part in value):
            parts = [self.settled(part) for part in value]
            value.clear()
            value.update(parts)

    def _mapping(self, value: dict[object, object]) -> None:
        if any(type(key) is Handle for key in value):
            items = [(self.settled(key), item) for key, item in value.items()]
            value.clear()
            value.update(items)
        for key, item in list(value.items()):
            new = self.settled(item)
            if new is not item:
                value[key] = new

    def _sequence(self, value: list[object] | deque[object]) -> None:
        for i, item in enumerate(list(value)):
            new = self.settled(item)
            if new is not item:
                value[i] = new

    def _function(self, value: FunctionType) -> None:
        if value.__globals__ is not self._scope:
            return
        for cell in value.__closure__ or ():
            self._cell(cell)
        if value.__defaults__:
            value.__defaults__ = tuple(self.settled(item) for item in value.__defaults__)

    def _cell(self, cell: object) -> None:
        try:
            item = cell.cell_contents  # type: ignore[attr-defined]
        except ValueError:  # not bound yet
            return
        new = self.settled(item)
        if new is not item:
            cell.cell_contents = new  # type: ignore[attr-defined]

    def _object(self, value: object) -> None:
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict):
            self._mapping(own)
        slots = getattr(type(value), "__slots__", ())
        names = list(own or ()) if isinstance(value, type) else [slots] if isinstance(slots, str) else slots
        for name in names:
            item = getattr(value, name, None)
            new = self.settled(item)
            if new is not item and type(item) in {Handle, tuple}:
                setattr(value, name, new)


_ATOMS = frozenset({str, int, float, bool, type(None), bytes, complex, range, slice})
