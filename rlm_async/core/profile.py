"""What tailors nodes to a kind of text: words for the prompt, functions for the code, forms for answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from rlm_async.core.context import Context
from rlm_async.core.data import Data


def never(context: Context) -> float:
    """Fits nothing: for a profile that is only used where it is named."""
    del context
    return 0.0


def unchanged(context: Context) -> Context:
    """The context as it was read."""
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question about real text and what a right answer holds, compared without regard to case.

    `path` is a place below the profile's own `data`, or below a data folder that its documentation names.
    """

    question: str
    path: str
    expected: str
    solution: str = ""
    """Code that answers it with the profile's functions and without a model: so the expected result can be checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """A question that was answered well, and the cells that answered it: shown to roots as a worked example."""

    question: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of text. A plugin offers a function that returns one, as an entry point `rlm_async.profiles`."""

    name: str
    about: str
    """The kind of text it is for, in one line."""
    advice: str = ""
    """How such texts are built and what goes wrong in reading them: for every model that is shown such a text."""
    method: str = ""
    """How to go about a question with the functions: for models that write code, and for no others."""
    rules: tuple[str, ...] = ()
    """One sentence each, shown below the advice to models that write code."""
    demonstrations: tuple[Demonstration, ...] = ()
    """Shown at the end of the system prompt, to models that write code."""
    functions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the preamble defines for the model to call: signature -> one line about it."""
    preamble: str = ""
    """Python that runs in each session before the model's first cell, under the same policy, in the same jail."""
    schemas: Mapping[str, Mapping[str, Data]] = field(default_factory=lambda: MappingProxyType({}))
    """JSON Schemas of answers that are often wanted, by name; a caller may ask for one by that name."""
    prepare: Callable[[Context], Context] = unchanged
    """Makes of a context as it was read the one that is asked about: records out of lines, say. Runs in a thread."""
    fits: Callable[[Context], float] = never
    """How sure it is that a context is of its kind, 0 to 1, from a glance at its beginnings. Runs in a thread."""
    examples: tuple[Example, ...] = ()
    data: Path | None = None
    """The folder below which the examples' texts are, where the distribution or every machine has them."""


PLAIN = Profile(name="plain", about="any text")
