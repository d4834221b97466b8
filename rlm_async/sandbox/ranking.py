"""BM25 over passages (Robertson & Zaragoza, 2009, The Probabilistic Relevance Framework), small and exact."""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"\w+")
_K1 = 1.2
_B = 0.75
SCANNED = 12_000_000
"""Characters from which on no index is built: each query reads the text instead, in a tenth of the time."""


def words(text: str) -> list[str]:
    """The words of a text as they are compared: lower case, plural `s` dropped from long ones."""
    return [_stem(word) for word in _WORD.findall(text.lower())]


class Index:
    """Postings of a list of passages, built once: for each word, the passages and how often they have it."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._lengths = array("L")
        for number, passage in enumerate(passages):
            counts = Counter(words(passage))
            self._lengths.append(counts.total())
            for word, count in counts.items():
                numbers, often = self._postings.setdefault(word, (array("L"), array("L")))
                numbers.append(number)
                often.append(count)

    def rank(self, query: str) -> list[tuple[float, int]]:
        """Score and number of each passage that has a word of the query, best first."""
        postings = {word: self._postings[word] for word in dict.fromkeys(words(query)) if word in self._postings}
        return _scored(postings.values(), self._lengths)


class Scan:
    """The same ranking without an index, for texts so large that one would not fit; lengths are characters."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._passages = passages
        self._lengths = array("L", (len(passage) for passage in passages))

    def rank(self, query: str) -> list[tuple[float, int]]:
        """Score and number of each passage that has a word of the query, best first."""
        wanted = dict.fromkeys(words(query))
        if not wanted:
            return []
        pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, wanted)) + r")s?\b")
        postings = {word: (array("L"), array("L")) for word in wanted}
        for number, passage in enumerate(self._passages):
            for word, count in Counter(_stem(found) for found in pattern.findall(passage.lower())).items():
                if word in postings:
                    postings[word][0].append(number)
                    postings[word][1].append(count)
        return _scored(postings.values(), self._lengths)


def ranker(passages: Sequence[str]) -> Index | Scan:
    """The one that fits the amount of text."""
    return Scan(passages) if sum(map(len, passages)) > SCANNED else Index(passages)


def _stem(word: str) -> str:
    return word[:-1] if len(word) > len("gas") and word.endswith("s") and not word.endswith("ss") else word


def _scored(postings: Iterable[tuple[Sequence[int], Sequence[int]]], lengths: Sequence[int]) -> list[tuple[float, int]]:
    total = len(lengths)
    mean = (sum(lengths) / total) or 1.0 if total else 1.0
    scores: dict[int, float] = {}
    for numbers, often in postings:
        weight = math.log(1 + (total - len(numbers) + 0.5) / (len(numbers) + 0.5))
        for number, count in zip(numbers, often, strict=True):
            norm = count + _K1 * (1 - _B + _B * lengths[number] / mean)
            scores[number] = scores.get(number, 0.0) + weight * count * (_K1 + 1) / norm
    return sorted(((score, number) for number, score in scores.items()), key=lambda pair: (-pair[0], pair[1]))
