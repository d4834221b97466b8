"""Cutting a text into pieces: by characters, lines, paragraphs, sentences, tokens or documents."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

BYTES_A_TOKEN = 4
"""Four bytes of UTF-8 to a token: right within about a fifth for prose and code of most languages."""

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n[ \t]*\n\s*|(?<=[\u3002\uff01\uff1f])")
_LINE = re.compile(r"\n")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: the document's name, where it starts in it (characters), and the text."""

    name: str
    start: int
    text: str


def count_tokens(text: str) -> int:
    """About how many tokens a text has: a quarter of its bytes in UTF-8, rounded up."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size // BYTES_A_TOKEN)


def documents(context: object) -> list[tuple[str, str]]:
    """Names and texts of a context of any shape; raises TypeError for anything else."""
    if isinstance(context, str):
        return [("context", context)]
    if isinstance(context, Mapping):
        return [(str(name), _text(text)) for name, text in context.items()]
    if isinstance(context, list | tuple):
        return [_document(number, item) for number, item in enumerate(context)]
    raise TypeError(f"expected a text, a list of texts or a dict of texts, not {type(context).__name__}")


def _document(number: int, item: object) -> tuple[str, str]:
    if isinstance(item, Mapping) and isinstance(item.get("text"), str):
        return str(item.get("doc", number)), item["text"]
    return str(number), _text(item)


def _text(item: object) -> str:
    return item if isinstance(item, str) else str(item)


def cut(text: str, size: int, overlap: int, by: str) -> Iterator[tuple[int, int]]:
    """Start and end of each piece. Without overlap the pieces joined are the text, separators included."""
    if by == "tokens":
        yield from _by_tokens(text, size, overlap)
        return
    if by == "characters":
        yield from _windows(range(len(text) + 1), size, overlap)
        return
    ends = [match.end() for match in _SEPARATORS[by].finditer(text) if 0 < match.end() < len(text)]
    yield from _windows([0, *ends, len(text)], size, overlap)


def _windows(bounds: Sequence[int], size: int, overlap: int) -> Iterator[tuple[int, int]]:
    units = len(bounds) - 1
    for first in range(0, units, size - overlap):
        last = min(first + size, units)
        if bounds[last] > bounds[first]:
            yield bounds[first], bounds[last]
        if last == units:
            return


def _by_tokens(text: str, size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Pieces of about `size` tokens, cut at white space where there is some in the last eighth."""
    start = 0
    per_token = len(text) / max(count_tokens(text), 1)
    width, back = max(int(size * per_token), 1), int(overlap * per_token)
    while start < len(text):
        end = min(start + width, len(text))
        if end < len(text):
            space = max(text.rfind(" ", end - width // 8, end), text.rfind("\n", end - width // 8, end))
            end = space + 1 if space > start + back else end
        yield start, end
        if end == len(text):
            return
        start = end - back


_SEPARATORS: dict[str, re.Pattern[str]] = {"lines": _LINE, "paragraphs": _PARAGRAPH, "sentences": _SENTENCE}
UNITS: dict[str, int] = {
    "characters": 10_000,
    "lines": 100,
    "paragraphs": 10,
    "sentences": 20,
    "tokens": 2_500,
    "documents": 1,
}
"""What pieces can be counted in, and how many of it make a piece where the code does not say."""


def passages(docs: Sequence[tuple[str, str]], most: int = 1_200) -> list[Passage]:
    """Documents in pieces of at most about `most` characters, for ranking: whole paragraphs where they fit."""
    found: list[Passage] = []
    for name, text in docs:
        if len(text) <= most:
            found.append(Passage(name, 0, text))
            continue
        found += [Passage(name, start, text[start:end]) for start, end in _packed(text, most)]
    return found


def _packed(text: str, most: int) -> Iterator[tuple[int, int]]:
    start = end = 0
    for first, last in _fine(text, 0, most, iter((_PARAGRAPH, _LINE))):
        if last - start > most and end > start:
            yield start, end
            start = first
        end = last
    if end > start:
        yield start, end


def _fine(text: str, offset: int, most: int, finer: Iterator[re.Pattern[str]]) -> Iterator[tuple[int, int]]:
    pattern = next(finer, None)
    if pattern is None:
        yield from ((offset + a, offset + b) for a, b in cut(text, most, 0, "characters"))
        return
    rest = list(finer)
    bounds = [0, *(match.end() for match in pattern.finditer(text)), len(text)]
    for first, last in itertools.pairwise(bounds):
        if last - first > most:
            yield from _fine(text[first:last], offset + first, most, iter(rest))
        elif last > first:
            yield offset + first, offset + last
