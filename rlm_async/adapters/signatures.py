"""JSON Schemas of tools as Python: the line that a model reads, and the call that its code writes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rlm_async.core.data import Data

Schema = Mapping[str, object]

_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_CHOICES, _FIELDS, _DEEP = 8, 12, 3
"""What is shown of an enum, of an object, and of objects in objects."""
_DESCRIBED = 400
"""Characters of a description."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument: as code writes it, as the tool knows it."""

    name: str
    known_as: str
    kind: str
    required: bool
    default: object = None

    @property
    def shown(self) -> str:
        """As it stands in a signature."""
        return f"{self.name}: {self.kind}" if self.required else f"{self.name}: {self.kind} = {self.default!r}"


@dataclass(frozen=True, slots=True)
class Call:
    """How a tool is called."""

    name: str
    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, name: str, schema: Schema) -> Call:
        """Required arguments come first, in the schema's order, so that they can be given by place."""
        fields = _mapping(schema.get("properties"))
        wanted = schema.get("required")
        required = set(wanted) if isinstance(wanted, list) else set()
        defined = {**_mapping(schema.get("definitions")), **_mapping(schema.get("$defs"))}
        taken: set[str] = set()
        made: list[Parameter] = []
        for known_as, field in fields.items():
            own = usable(known_as, taken)
            taken.add(own)
            kind = shown_type(_mapping(field), defined)
            made.append(Parameter(own, known_as, kind, known_as in required, _mapping(field).get("default")))
        return cls(name, tuple(sorted(made, key=lambda parameter: not parameter.required)))

    @property
    def signature(self) -> str:
        """`name(query: str, limit: int = 10)`."""
        return f"{self.name}({', '.join(parameter.shown for parameter in self.parameters)})"

    def bound(self, arguments: Sequence[Data], named: Mapping[str, Data]) -> dict[str, Data]:
        """The arguments by the tool's own names; raises TypeError with the signature, as a function of Python would.

        An optional one that is None is left out: the tool decides what its absence means.
        """
        own = {parameter.name: parameter for parameter in self.parameters}
        own |= {parameter.known_as: parameter for parameter in self.parameters}
        if len(arguments) > len(self.parameters):
            raise TypeError(f"takes {len(self.parameters)} arguments, not {len(arguments)}: {self.signature}")
        given = {each.name: value for each, value in zip(self.parameters, arguments, strict=False)}
        for name, value in named.items():
            if name not in own or own[name].name in given:
                what = "is given twice" if name in own else "is not one of its arguments"
                raise TypeError(f"{name!r} {what}: {self.signature}")
            given[own[name].name] = value
        missing = [each.name for each in self.parameters if each.required and each.name not in given]
        if missing:
            raise TypeError(f"{', '.join(missing)} is missing: {self.signature}")
        pairs = ((own[name], value) for name, value in given.items())
        return {each.known_as: value for each, value in pairs if each.required or value is not None}


def line(call: Call, description: str, returned: Schema | None) -> str:
    """A tool's line in the prompt: signature, what it gives, what it does."""
    gives = shown_type(returned, _mapping(returned.get("$defs"))) if returned else "str"
    words = " ".join(description.split())
    said = words if len(words) <= _DESCRIBED else f"{words[:_DESCRIBED]}…"
    return f"{call.signature} -> {gives}: {said}" if said else f"{call.signature} -> {gives}"


def usable(name: str, taken: Collection[str], prefix: str = "") -> str:
    """A name that Python code can call and that is not taken; prefixed, then numbered, where it would be."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "tool"
    if plain[0].isdigit() or keyword.iskeyword(plain):
        plain = f"tool_{plain}"
    if plain in taken and prefix:
        plain = f"{usable(prefix, ())}_{plain}"
    number, free = 2, plain
    while free in taken:
        free, number = f"{plain}_{number}", number + 1
    return free


def shown_type(schema: Schema, defined: Mapping[str, object], deep: int = 0) -> str:
    """A schema as Python's annotations have it, near enough to read."""
    if isinstance(reference := schema.get("$ref"), str):
        found = _mapping(defined.get(reference.rpartition("/")[2]))
        return shown_type(found, defined, deep + 1) if deep < _DEEP else "dict"
    if isinstance(values := schema.get("enum"), list):
        shown = [repr(value) for value in values[:_CHOICES]] + (["…"] if len(values) > _CHOICES else [])
        return f"Literal[{', '.join(shown)}]"
    kinds = schema.get("anyOf") or schema.get("oneOf") or schema.get("type")
    if isinstance(kinds, list):
        each = [shown_type(_mapping(kind) or {"type": kind}, defined, deep) for kind in kinds]
        return " | ".join(dict.fromkeys(each))
    if kinds == "array":
        return f"list[{shown_type(_mapping(schema.get('items')), defined, deep)}]"
    if kinds == "object":
        return _shown_object(schema, defined, deep)
    return _TYPES.get(str(kinds), "object")


def _shown_object(schema: Schema, defined: Mapping[str, object], deep: int) -> str:
    fields = _mapping(schema.get("properties"))
    if not fields or deep >= _DEEP:
        return "dict"
    shown = [f"{name!r}: {shown_type(_mapping(field), defined, deep + 1)}" for name, field in fields.items()]
    return f"{{{', '.join(shown[:_FIELDS])}{', …' if len(shown) > _FIELDS else ''}}}"


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
