"""What a benchmark asks about: one long input, its questions with their gold answers, and where it comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from rlm_async.bench.score import Kind
from rlm_async.core.context import Context
from rlm_async.core.tokens import estimate_tokens, estimate_tokens_of
from rlm_async.errors import ConfigError

LEAST_SHARE, MOST_SHARE = 0.6, 1.5
"""A window that measures less or more than this part of its nominal length is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question with its gold answer; `family` groups questions of one kind."""

    text: str
    gold: str
    kind: Kind
    family: str

    def __post_init__(self) -> None:
        """Refuse a text that was built from a field that is missing."""
        for hole in ("None", "nan", "{", "''"):
            if hole in self.text.split("Reply")[0]:
                raise ValueError(f"a question with a hole in it ({hole}): {self.text[:200]}")
        if not self.gold and self.kind in {"exact", "number"}:
            raise ValueError(f"a question without a gold answer: {self.text[:200]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A long input with questions. `data` names the source and the digest of what was read from it."""

    task: str
    size: int
    """Nominal tokens, or the number of documents or folders where a task is sized by these."""
    seed: int
    context: Context
    questions: tuple[Question, ...]
    units: Mapping[str, int] = field(repr=False)
    """What there is to read, each piece's text with how often it occurs: for coverage."""
    data: str
    tokens: int
    """As measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A kind of window. `make(size, chance)` builds one; `sizes` are those that a run takes by default."""

    name: str
    shape: str
    """What a sub-query depends on, in a few words."""
    sizes: tuple[int, ...]
    build: Callable[[int, Random], Built]
    measured: bool = True
    """Sizes are tokens, and hold."""
    data: str = ""


@dataclass(frozen=True, slots=True)
class Built:
    """What a task makes of a size and a seed."""

    context: Context
    questions: tuple[Question, ...]
    units: Mapping[str, int] = field(repr=False)


def window(task: Task, size: int, seed: int) -> Window:
    """The window of a task; the same for the same size and seed. Raises ConfigError for one not as long as it says."""
    built = task.build(size, Random(f"{task.name}/{size}/{seed}"))
    tokens = estimate_tokens_of([document.text for document in built.context])
    if task.measured and not LEAST_SHARE * size <= tokens <= MOST_SHARE * size:
        raise ConfigError(f"{task.name} of {size:,} tokens measures {tokens:,}: it would be called what it is not")
    return Window(
        task=task.name,
        size=size,
        seed=seed,
        context=built.context,
        questions=built.questions,
        units=built.units,
        data=task.data,
        tokens=tokens,
    )


def text_tokens(text: str) -> int:
    """About how many tokens a text is."""
    return estimate_tokens(text)


def digest(*parts: str) -> str:
    """Eight hexadecimal digits that name a content."""
    state = hashlib.blake2b(digest_size=4)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        state.update(len(raw).to_bytes(8, "big") + raw)
    return state.hexdigest()
