"""Questions about long inputs with their gold answers, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rlm_async.errors import ConfigError
from rlm_async_verifiers.scoring import KINDS

Input = str | list[str] | dict[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One line of the file. `paths` are read at the time of asking, from beside the file; `context` is the text itself."""

    id: str
    question: str
    answer: str
    kind: str = "exact"
    context: Input = None
    paths: tuple[str, ...] = field(default=())


def questions(path: Path) -> Iterator[Question]:
    """The questions of a file. Raises ConfigError, which names the line."""
    try:
        lines = path.read_text("utf-8").split("\n")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; name a file of questions") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _question(f"{path}, line {number}", number, line, path.parent)


def _question(place: str, number: int, line: str, folder: Path) -> Question:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"{place} is no JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("question"), str) or not row["question"].strip():
        raise ConfigError(f"{place}: one object a line, with 'question', 'answer', and 'context' or 'paths'")
    if "answer" not in row:
        raise ConfigError(f"{place}: there is no 'answer', so nothing can be rewarded")
    kind = row.get("kind", "exact")
    if kind not in KINDS:
        raise ConfigError(f"{place}: 'kind' is one of {', '.join(KINDS)}, not {kind!r}")
    return Question(
        id=str(row.get("id", number)),
        question=row["question"],
        answer=_gold(row["answer"]),
        kind=kind,
        context=_context(place, row.get("context")),
        paths=tuple(str(folder / name) for name in row.get("paths", ())),
    )


def _gold(answer: object) -> str:
    if isinstance(answer, list):
        return "\n".join(str(one) for one in answer)
    return str(answer)


def _context(place: str, value: object) -> Input:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    if isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values()):
        return dict(value)
    raise ConfigError(f"{place}: 'context' is a text, a list of texts, or an object of texts")
