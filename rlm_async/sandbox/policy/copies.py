"""`copy.copy` and `copy.deepcopy` for plain data and for objects of the code's own classes."""

from __future__ import annotations

import collections
from dataclasses import dataclass

from rlm_async.sandbox.handles import touch
from rlm_async.sandbox.policy.realm import CLASSES, Realm
from rlm_async.sandbox.policy.refusals import PolicyError

_SEQUENCES = (list, set, frozenset, tuple, collections.deque)
_MAPPINGS = (dict, collections.OrderedDict, collections.Counter, collections.defaultdict)


@dataclass(frozen=True, slots=True)
class Copies:
    """The `copy` module for one namespace."""

    realm: Realm

    def copy(self, value: object) -> object:
        """A copy of the value, sharing what is in it."""
        value = touch(value)
        kind = type(value)
        if kind in _MAPPINGS:
            return value.copy()  # type: ignore[attr-defined]
        if kind in _SEQUENCES:
            return kind(value)  # type: ignore[arg-type, call-overload]
        if self._is_object(value):
            return self._remade(value, dict(value.__dict__))
        return value

    def deepcopy(self, value: object, memo: object = None) -> object:
        """A copy of the value and of all that is in it."""
        del memo
        return self._deep(value, {})

    def _deep(self, value: object, seen: dict[int, object]) -> object:
        value = touch(value)
        kind = type(value)
        if id(value) in seen:
            return seen[id(value)]
        if kind in _MAPPINGS:
            return self._mapping(value, seen)  # type: ignore[arg-type]
        if kind is list:
            copied: list[object] = []
            seen[id(value)] = copied
            copied.extend(self._deep(item, seen) for item in value)  # type: ignore[attr-defined]
            return copied
        if kind in _SEQUENCES:
            return kind(self._deep(item, seen) for item in value)  # type: ignore[attr-defined]
        if self._is_object(value):
            copy = self._remade(value, {})
            seen[id(value)] = copy
            copy.__dict__.update({name: self._deep(item, seen) for name, item in value.__dict__.items()})
            return copy
        return value

    def _mapping(self, value: dict[object, object], seen: dict[int, object]) -> object:
        items = list(value.items())
        copied = value.copy()
        copied.clear()
        seen[id(value)] = copied
        for key, item in items:
            dict.__setitem__(copied, self._deep(key, seen), self._deep(item, seen))
        return copied

    def _is_object(self, value: object) -> bool:
        kind = type(value)
        return kind in self.realm.own and type(kind) is CLASSES[0] and not issubclass(kind, tuple)

    def _remade(self, value: object, attributes: dict[str, object]) -> object:
        kind = type(value)
        if isinstance(value, BaseException):
            raise PolicyError("exceptions cannot be copied here")
        copy = object.__new__(kind)
        copy.__dict__.update(attributes)
        return copy
