"""What rules are fitted from: one answered question each, out of rows of benchmarks and out of journals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from rlm_async.bench.points import Row
from rlm_async.core import events
from rlm_async.core.tokens import estimate_tokens
from rlm_async.core.usage import Usage
from rlm_async.errors import ConfigError
from rlm_async.journal import Journal, RunRecord
from rlm_async.journal.records import RunFilter
from rlm_async.strategies.rules import Shape, shape_of

LOOKUPS = frozenset({"sniah", "babi_chain"})
SURVEYS = frozenset({"multi-value"})
"""Families of questions of a task of lookups that ask for more than one place."""
OTHER_ARMS = frozenset({"map-reduce", "auto"})
"""Arms in which no model's own way to answer is seen."""
DIRECT = -1
"""In place of a depth: read in one call."""
_SQLITE = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One question that was answered: what it was about, how it was answered, how well, at what cost."""

    family: str
    """The model's name, without its provider's."""
    shape: Shape
    depth: int
    """Levels that were allowed; `DIRECT` for one call."""
    tokens: int
    """Of the input, as it is estimated."""
    size: int
    """Nominal: observations of one size are put together."""
    window: str
    """The context, by name: what shares it is no independent observation."""
    question: str
    """Names the question within its window."""
    score: float | None
    root: Usage
    below: Usage

    @property
    def whole(self) -> Usage:
        """The cost of the whole run."""
        return self.root + self.below


def observed(paths: Sequence[Path]) -> list[Observation]:
    """The observations of files: rows of `bench run`, journals, and JSONL of `run` and `score` for what journals hold.

    Raises ConfigError for a file that is none of these.
    """
    found: list[Observation] = []
    journals: list[Path] = []
    scores: dict[str, float] = {}
    for path in paths:
        if _is_journal(path):
            journals.append(path)
            continue
        for number, line in enumerate(_lines(path), 1):
            made = _object(line, f"{path}, line {number}")
            if "point" in made:
                row = Row.read(line)
                found += [of_row(row)] if row.point.arm not in OTHER_ARMS else []
            elif isinstance(made.get("run"), str) and isinstance(made.get("score"), int | float):
                scores[str(made["run"])] = float(str(made["score"]))
            else:
                raise ConfigError(f"{path}, line {number}: neither a row of `bench run` nor a `run` with its `score`")
    known = set(_runs_of(paths, journals))
    for path in journals:
        found += list(of_journal(path, scores, known))
    return found


def of_row(row: Row) -> Observation:
    """The observation of a benchmark's row."""
    point = row.point
    lookup = point.task in LOOKUPS and row.family not in SURVEYS
    root = row.by_depth.get("0", (row.calls, row.prompt_tokens + row.completion_tokens, row.usd))
    share = row.completion_tokens / max(1, row.prompt_tokens + row.completion_tokens)
    below = [value for depth, value in row.by_depth.items() if depth != "0"]
    return Observation(
        family=bare(point.model),
        shape="lookup" if lookup else "survey",
        depth=DIRECT if point.arm == "direct" else point.depth,
        tokens=row.tokens,
        size=point.size,
        window=f"{point.task}/{point.size}/{point.seed}",
        question=row.key.rpartition("-")[2],
        score=row.score,
        root=_usage([root], share),
        below=_usage(below, share),
    )


def of_journal(path: Path, scores: Mapping[str, float], left_out: AbstractSet[str]) -> Iterator[Observation]:
    """The observations of a journal's complete runs; without a score they tell costs alone."""
    with Journal(path, create=False) as journal:
        for record in journal.runs(RunFilter(status="complete")):
            if record.run not in left_out:
                yield _of_run(record, journal.events(record.run), scores.get(record.run))


def bare(model: str) -> str:
    """A model's name in lower case, without its provider's."""
    return model.rpartition("/")[2].lower()


def _of_run(record: RunRecord, told: Iterable[events.Event], score: float | None) -> Observation:
    root, below, direct = Usage(), Usage(), record.strategy == "direct"
    for event in told:
        if isinstance(event, events.ModelReplied):
            root, below = (root + event.usage, below) if event.node == 0 else (root, below + event.usage)
        elif isinstance(event, events.StrategyChosen) and event.node == 0:
            direct = event.strategy == "direct"
    tokens = record.context.characters // 4 + estimate_tokens(record.question)
    info = record.infos.get(record.model)
    return Observation(
        family=bare(record.model if info is None else info.name),
        shape=shape_of(record.question),
        depth=DIRECT if direct else record.limits.depth,
        tokens=tokens,
        size=1 << max(0, tokens.bit_length() - 1),
        window=record.context.digest,
        question=record.question,
        score=score,
        root=root,
        below=below,
    )


def _usage(parts: Iterable[tuple[int, int, float | None]], written: float) -> Usage:
    total = Usage()
    for calls, tokens, usd in parts:
        reply = round(tokens * written)
        nanos = None if usd is None else round(usd * 1e9)
        total += Usage(calls=calls, prompt_tokens=tokens - reply, completion_tokens=reply, nanos=nanos)
    return total


def _runs_of(paths: Sequence[Path], journals: Sequence[Path]) -> Iterator[str]:
    """The runs of rows, which a journal beside them holds too."""
    for path in paths:
        if path not in journals:
            for line in _lines(path):
                made = json.loads(line)
                if "point" in made and made.get("run"):
                    yield str(made["run"])


def _is_journal(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; name rows of `bench run`, or a journal") from error


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if line.strip()]


def _object(line: str, source: str) -> Mapping[str, object]:
    try:
        made = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"{source} is not JSON: {error}") from error
    if not isinstance(made, dict):
        raise ConfigError(f"{source} is no JSON object")
    return made
