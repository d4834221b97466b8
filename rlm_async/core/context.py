"""The long input: kept out of prompts, named by what it contains."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from rlm_async.errors import ConfigError

Shape = Literal["text", "list", "dict", "corpus"]


@dataclass(frozen=True, slots=True)
class Document:
    """One text and where it came from: a file name, a key, or the position in a list."""

    name: str
    text: str


@dataclass(frozen=True)
class Context:
    """An immutable input that code may read and prompts only describe.

    `shape` is how code sees it: `text` a str, `list` a list[str], `dict` and `corpus` a dict[str, str]
    (`corpus`: the documents were read from files, and the names are their paths).
    """

    documents: tuple[Document, ...]
    shape: Shape = "text"
    notes: tuple[str, ...] = field(default=(), compare=False)
    """One line for each file that was left out or read in part, for the person who asked."""
    folders: tuple[str, ...] = field(default=(), compare=False)
    """The folders that it was read from, for a profile that looks around there; never told to a model."""

    @classmethod
    def of(cls, value: str | Sequence[str] | Mapping[str, str] | Context) -> Context:
        """The context of plain Python data; raises ConfigError for anything else."""
        if isinstance(value, Context):
            return value
        if isinstance(value, str):
            return cls((Document("context", value),), "text")
        if isinstance(value, Mapping):
            items = [(key, text) for key, text in value.items() if isinstance(key, str) and isinstance(text, str)]
            if len(items) == len(value):
                return cls(tuple(Document(key, text) for key, text in items), "dict")
        elif isinstance(value, Sequence) and all(isinstance(text, str) for text in value):
            return cls(tuple(Document(str(i), text) for i, text in enumerate(value)), "list")
        raise ConfigError(
            f"a context is a str, a list of str, a dict of str to str, a path or a Context, not {_named(value)}"
        )

    @cached_property
    def digest(self) -> str:
        """BLAKE2b-128 of shape, names and texts, in hexadecimal (RFC 7693)."""
        state = hashlib.blake2b(self.shape.encode(), digest_size=16)
        for document in self.documents:
            for part in (document.name, document.text):
                raw = part.encode("utf-8", "surrogatepass")
                state.update(len(raw).to_bytes(8, "big"))
                state.update(raw)
        return state.hexdigest()

    @cached_property
    def characters(self) -> int:
        """Characters of all documents together."""
        return sum(len(document.text) for document in self.documents)

    @property
    def text(self) -> str:
        """All documents in one string, as a model without a REPL is shown them."""
        if self.shape == "text":
            return self.documents[0].text if self.documents else ""
        return "\n\n".join(f"=== {document.name} ===\n{document.text}" for document in self.documents)

    def __iter__(self) -> Iterator[Document]:
        """The documents, in order."""
        return iter(self.documents)


EMPTY = Context((Document("context", ""),), "text")


def _named(value: object) -> str:
    kinds = sorted({type(item).__name__ for item in value}) if isinstance(value, list | tuple) else []
    return f"{type(value).__name__} of {', '.join(kinds)}" if kinds else type(value).__name__
