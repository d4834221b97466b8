"""The run-time half of static prefetch: checks that a loop's prompts are as pure as they look, then starts them."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import CellType, CodeType, FunctionType

from rlm_async.sandbox.calls import Desk, Payload, Plan
from rlm_async.sandbox.handles import Handle
from rlm_async.sandbox.queries import query
from rlm_async.sandbox.shadows import QUERIES

_SCALARS = frozenset({str, int, float, bool, type(None), bytes, complex, range})
_CONTAINERS = frozenset({list, tuple, set, frozenset, dict})
_KNOWN = ("builtins", "collections", "datetime", "re", "json", "rlm_async.sandbox.policy")
"""Modules whose types do nothing but what they are for. A class of the cell's own is in none of them."""
_MOST = 200_000
"""Values looked at; what is larger counts as unknown, and the loop runs as it is."""

Values = Sequence[Sequence[object]]
Step = tuple[str, Sequence[object], Mapping[str, object]]


class NotPlain(Exception):
    """A value whose reading may have effects."""


class Ahead:
    """`$prefetch` of one namespace. `pure` are the pure builtins and the queries as code holds them, by name."""

    def __init__(self, desk: Desk, pure: Mapping[str, object]) -> None:
        self._desk = desk
        self._pure = pure

    def prefetch(
        self,
        items: Callable[[], Iterable[object]],
        shadow: Callable[[Iterable[object]], Iterable[Sequence[Step | None]]],
        names: Callable[[], tuple[object, ...]],
    ) -> Iterator[object]:
        """What the loop iterates over, with its calls under way where that is safe."""
        given = items()
        real = iter(given.force() if type(given) is Handle else given)  # type: ignore[call-overload]
        try:
            plan = self._planned(items, shadow, names)
        except Exception:  # noqa: BLE001  # whatever stands in the way of a plan, the loop itself meets in its own time
            plan = None
        return real if plan is None else self._through(real, plan)

    def _through(self, items: Iterator[object], plan: Plan) -> Iterator[object]:
        try:
            yield from items
        finally:
            self._desk.close(plan)

    def _planned(
        self,
        items: Callable[[], Iterable[object]],
        shadow: Callable[[Iterable[object]], Iterable[Sequence[Step | None]]],
        names: Callable[[], tuple[object, ...]],
    ) -> Plan:
        reads, mutated, called, functions, passed, spelled, owned = names()
        changed = _changed(_listed(mutated), _listed(called), QUERIES.union(_listed(spelled)))
        if _ids([_arrived(value) for value in _listed(reads)]) & changed or _ids(_listed(passed)):
            raise NotPlain("the loop changes what its prompts read")
        if any(not any(f is known for known in self._pure.values()) for f in _listed(functions)):
            raise NotPlain("a builtin has been rebound")
        watched = _Watched(items(), owned=bool(owned))
        return self._desk.plan(self._payloads(shadow(watched)))

    def _payloads(self, passes: Iterable[Sequence[Step | None]]) -> Iterator[Payload]:
        for steps in passes:
            for step in steps:
                if step is not None:
                    name, arguments, named = step
                    _ids([*arguments, *named.values()])
                    yield _payload(name.partition("_")[0], *arguments, **named)


class _Watched:
    """Yields items as long as they are plain; with `owned`, as long as no two share anything that can change."""

    def __init__(self, items: Iterable[object], *, owned: bool) -> None:
        self._items = items
        self._owned = owned

    def __iter__(self) -> Iterator[object]:
        seen: set[int] = set()
        for item in self._items:
            ids = _ids([_arrived(item)])
            if self._owned and ids & seen:
                return
            seen |= ids
            yield item


def _arrived(value: object) -> object:
    """A value as it is; a handle's, once it is there. A failed one is for the code to meet."""
    if type(value) is not Handle:
        return value
    if getattr(value.pending, "error", None) is not None or not value.pending.done():
        raise NotPlain("a prompt depends on an answer that is not there")
    return value.force()


def _ids(values: Iterable[object], *, strict: bool = True) -> set[int]:
    """Identities of all containers that can change in plain values; `strict` raises NotPlain for other kinds."""
    found: set[int] = set()
    todo = list(values)
    looked = 0
    while todo:
        value = todo.pop()
        looked += 1
        kind = type(value)
        if looked > _MOST or (strict and kind not in _SCALARS and kind not in _CONTAINERS):
            raise NotPlain(f"a {kind.__name__} may do anything when it is read")
        if kind in _CONTAINERS and id(value) not in found:
            if kind is not tuple and kind is not frozenset:
                found.add(id(value))
            todo.extend(_parts(value))
        elif kind not in _SCALARS and kind is not Handle:
            found.add(id(value))
    return found


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return (part for pair in value.items() for part in pair if type(part) is not str)
    return (part for part in value if type(part) is not str)  # type: ignore[attr-defined]


def _changed(mutated: Sequence[object], called: Sequence[object], names: frozenset[object]) -> set[int]:
    """Identities of all that a loop's body may change; raises NotPlain where that cannot be told."""
    reached: list[object] = list(mutated)
    seen: set[int] = set()
    for function in called:
        _reach(function, names, reached, seen)
    for value in reached:
        if type(value) not in _SCALARS and not _origin(value).startswith(_KNOWN):
            raise NotPlain(f"a {type(value).__name__} may do anything")
    return _ids(reached, strict=False)


def _origin(value: object) -> str:
    return (value if isinstance(value, type) else type(value)).__module__


def _reach(function: object, names: frozenset[object], reached: list[object], seen: set[int]) -> None:
    """Add to `reached` all that a function's code names; raises NotPlain where it asks, or uses `names`."""
    if not isinstance(function, FunctionType):
        reached.append(function)
        return
    if id(function) in seen:
        return
    seen.add(id(function))
    values = dict(function.__globals__)
    values.update(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
    used = {name for code in _codes(function.__code__) for name in (*code.co_names, *code.co_freevars)}
    if used & names:
        raise NotPlain("the function asks, or uses what the prompts read")
    for name in used & set(values):
        value = values[name]
        if not name.startswith("$"):
            _reach(value.cell_contents if isinstance(value, CellType) else value, names, reached, seen)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _listed(values: object) -> list[object]:
    return values if isinstance(values, list) else []


def _payload(kind: str, prompt: object, context: object = None, **options: object) -> Payload:
    """What the call itself will send: its arguments are taken apart as there."""
    return query(kind, prompt, context, options)


def pure_builtins(names: Iterable[str], namespace: Mapping[str, object]) -> dict[str, object]:
    """The pure functions as code finds them in a fresh namespace, by name."""
    table = namespace.get("__builtins__", {})
    inner = table if isinstance(table, Mapping) else vars(builtins)
    return {name: namespace.get(name, inner.get(name)) for name in names}
