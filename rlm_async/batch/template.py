"""Questions with gaps: `{name}` is filled with a field of the row, and nothing more is ever evaluated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rlm_async.core.data import Data, as_text
from rlm_async.errors import ConfigError

_GAP = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Template:
    """`text` with gaps; `{{` and `}}` stand for the braces themselves."""

    text: str

    def __post_init__(self) -> None:
        """Raise ConfigError for a brace without its partner, or a gap without a name."""
        for found in _GAP.finditer(self.text):
            if found[0] in {"{", "}"} or (found[1] is not None and not found[1].strip()):
                raise ConfigError(
                    f"the question {self.text[:80]!r} has a stray brace at character {found.start() + 1}: "
                    "write {field} for a field of the row, {{ and }} for braces"
                )

    def filled(self, row: Mapping[str, Data]) -> str:
        """The question for `row`; raises KeyError with the name of a field that the row does not have.

        Unlike `str.format` it takes no attributes, items or formats: rows may come from anybody.
        """

        def fill(found: re.Match[str]) -> str:
            if found[1] is None:
                return found[0][0]
            return as_text(row[found[1].strip()])

        return _GAP.sub(fill, self.text)
