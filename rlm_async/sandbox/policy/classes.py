"""How model-written classes come to be: which bases, which special methods, and what of their bases they show."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rlm_async.sandbox.handles import touch
from rlm_async.sandbox.policy.enumerations import EnumRoot, IntEnumRoot, StrEnumRoot, enumeration
from rlm_async.sandbox.policy.names import SAFE_DUNDERS, SPELLS_GUARD, is_dunder, is_hidden
from rlm_async.sandbox.policy.realm import CLASSES, REFUSED, Realm
from rlm_async.sandbox.policy.refusals import METHODS, PolicyError, with_hint
from rlm_async.sandbox.policy.surfaces import Hint, Root
from rlm_async.sandbox.policy.tables import ALLOWED, ERROR_ATTRIBUTES

Body = dict[str, object]

FIELDS = f"{SPELLS_GUARD}fields"
"""Where a class keeps the annotated names of its body."""

_COMPILER = frozenset(
    """__module__ __qualname__ __doc__ __classcell__ __classdictcell__ __firstlineno__
    __static_attributes__ __annotations__ __annotate__ __annotate_func__ __conditional_annotations__""".split(),  # noqa: SIM905  # a table of names
)
_BARE = (object, Root, EnumRoot, StrEnumRoot, IntEnumRoot)
_MARKERS = frozenset({"ABC", "Generic", "Protocol"})


@dataclass(frozen=True, slots=True)
class Classes:
    """The guards behind `class` and `super()`."""

    realm: Realm

    def build(self, name: str, bases: tuple[object, ...], body: Body) -> object:
        """Make the class that a `class` statement describes."""
        _check_body(name, body)
        real = tuple(base for base in bases if not (isinstance(base, Hint) and base.name in _MARKERS))
        markers = {base.name for base in real if isinstance(base, Hint)}
        if markers:
            return self._special(name, real, markers, body)
        if any(isinstance(base, type) and issubclass(base, EnumRoot) for base in real):
            return self.adopt(enumeration(name, real, body))
        for base in real:
            if not self._may_inherit(base):
                raise PolicyError(_no_base(name, base))
        kinds: tuple[type, ...] = tuple(base for base in real if isinstance(base, type))
        if not any(issubclass(kind, Root | BaseException | tuple) for kind in kinds):
            kinds = (*kinds, Root)
        return self.adopt(type(name, kinds, body))

    def adopt(self, kind: type) -> type:
        """Count a class among the code's own, and note what it inherits from ours."""
        table: dict[str, object] = {}
        for base in kind.__mro__:
            if base in self.realm.own or base is kind or base in _BARE:
                continue
            for name in dir(base):
                if not is_hidden(name) and not self._overridden(kind, name):
                    self._note(table, base, name)
        self.realm.own[kind] = table
        return kind

    def _overridden(self, kind: type, name: str) -> bool:
        return any(name in base.__dict__ for base in kind.__mro__ if base in self.realm.own or base is kind)

    def _note(self, table: dict[str, object], base: type, name: str) -> None:
        """One inherited attribute: natural if the tables show it, otherwise replaced or refused."""
        if issubclass(base, BaseException):
            if name not in ERROR_ATTRIBUTES and name != "add_note":
                table[name] = REFUSED
        elif base in ALLOWED:
            if name not in ALLOWED[base]:
                table[name] = REFUSED
            elif (base, name) in self.realm.replaced:
                table[name] = self.realm.replaced[base, name]
        else:
            table[name] = REFUSED

    def _may_inherit(self, base: object) -> bool:
        if type(base) is not type:
            return False
        return base in self.realm.own or base in self.realm.errors or base is Root

    def _special(self, name: str, bases: tuple[object, ...], markers: set[str], body: Body) -> object:
        if markers == {"NamedTuple"} and len(bases) == 1:
            return self._named_tuple(name, body)
        if markers == {"TypedDict"}:
            return dict
        raise PolicyError(f"class {name}: these base classes are not available here: {', '.join(sorted(markers))}")

    def _named_tuple(self, name: str, body: Body) -> type:
        fields = _fields(body)
        defaults = [body.pop(field) for field in fields if field in body]
        base = self.adopt_tuple(namedtuple(name, fields, defaults=defaults))  # noqa: PYI024  # at run time
        methods = {key: value for key, value in body.items() if key not in _COMPILER}
        return self.adopt_tuple(type(name, (base,), {"__slots__": (), **methods})) if methods else base

    def adopt_tuple(self, kind: type) -> type:
        """Count a named tuple among the code's own."""
        self.realm.own[kind] = {}
        for name in ("_asdict", "_make", "_replace"):
            method = kind.__dict__.get(name)
            if method is not None:
                self.realm.admit(getattr(method, "__func__", method))
        return kind

    def super_of(self, kind: object, owner: object) -> super:
        """`super()`: the next class of one that the code has defined."""
        owner = touch(owner)
        if not isinstance(kind, type) or kind not in self.realm.own:
            raise PolicyError("super() works in the methods of classes of your own")
        return super(kind, owner)

    def pattern(self, kind: object) -> type:
        """A class in a `match` pattern that reads attributes: one of the code's own, and no exception."""
        if isinstance(kind, type) and kind in self.realm.own and not issubclass(kind, BaseException):
            return kind
        raise PolicyError("a match pattern may read attributes of your own classes only; match the rest with `if`")

    def plain_pattern(self, kind: object) -> type:
        """A class in a `match` pattern that only tests the type."""
        if type(kind) in CLASSES and self.realm.is_shown(kind):  # type: ignore[arg-type]
            return kind  # type: ignore[return-value]
        if isinstance(kind, Hint) and len(kind.kinds) == 1:
            return kind.kinds[0]
        raise PolicyError("this class cannot be used in a match pattern: use isinstance in an `if`")


def _check_body(name: str, body: Body) -> None:
    for key in body:
        if is_dunder(key) and key not in SAFE_DUNDERS and key not in _COMPILER:
            raise PolicyError(with_hint(f"class {name} may not define {key!r} here", METHODS, key))
    body.pop("__slots__", None)
    if not isinstance(body.get("__doc__"), str | None):
        del body["__doc__"]


def _fields(body: Mapping[str, object]) -> tuple[str, ...]:
    fields = body.get(FIELDS, ())
    return fields if isinstance(fields, tuple) else ()


def own_fields(kind: type) -> tuple[str, ...]:
    """The annotated names of the class's own body."""
    return _fields(kind.__dict__)


def _no_base(name: str, base: object) -> str:
    shown = base.__name__ if isinstance(base, type) else type(base).__name__
    return f"class {name}: {shown!r} cannot be inherited from here: keep one in an attribute instead"


Build = Callable[[str, tuple[object, ...], Body], object]
