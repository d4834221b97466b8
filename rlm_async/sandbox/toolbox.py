"""What every trajectory does to its input, done once and well: peek, grep, search, chunks, count_tokens, show_vars."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping

from rlm_async.sandbox.handles import deep_touch, touch
from rlm_async.sandbox.passages import UNITS, Passage, count_tokens, cut, documents, passages
from rlm_async.sandbox.ranking import Index, Scan, ranker

_INDEXES = 4
"""Indexes kept at a time."""
_LONG, _AROUND = 2_000, 300
"""Characters from which on a match is shown without its whole lines, and how many are shown on each side then."""

Docs = list[tuple[str, str]]


class Toolbox:
    """The functions over one context, or over any text, list or dict of texts that is handed to them."""

    def __init__(self, context: object, variables: Callable[[], Mapping[str, object]]) -> None:
        self.context = context
        self._variables = variables
        self._indexes: dict[tuple[object, ...], tuple[list[Passage], Index | Scan]] = {}
        self.built = 0
        """Indexes built so far."""

    def functions(self) -> dict[str, Callable[..., object]]:
        """All of them by name."""
        return {
            "peek": self.peek,
            "grep": self.grep,
            "search": self.search,
            "chunks": self.chunks,
            "count_tokens": self.count_tokens,
            "show_vars": self.show_vars,
            "SHOW_VARS": self.show_vars,
        }

    def peek(self, start: object = 1_000, end: int | None = None, *, doc: object = None, over: object = None) -> str:
        """The first `start` characters (the last, where negative), or those from `start` to `end`.

        Of several documents it shows the beginning of each of the first ten; `doc` picks one by name or number.
        """
        start, docs = touch(start), self._docs(over)
        if isinstance(start, str):
            start, doc = 1_000, start
        if isinstance(start, slice):
            first, last = start.start, start.stop
            start, end = first or 0, 2**62 if last is None else last
        if type(start) is not int:
            raise TypeError(f"peek() takes a number of characters, not {type(start).__name__}")
        if doc is not None:
            docs = [self._pick(docs, touch(doc))]
        if len(docs) == 1:
            return _part(docs[0][1], start, end)
        shown = docs[:10]
        lines = [f"{len(docs)} documents, {sum(len(text) for _, text in docs):,} characters"]
        for name, text in shown:
            lines.append(f"--- {name} ({len(text):,} characters)\n{_part(text, start // len(shown) or 1, end)}")
        return "\n".join(lines)

    def grep(
        self,
        pattern: object,
        over: object = None,
        *,
        context: int = 0,
        max: int = 50,  # noqa: A002  # the name that people know from `grep --max-count`
        ignore_case: bool = False,
    ) -> list[dict[str, object]]:
        """Lines that match a regular expression: doc, line (from 1), offset (characters), text.

        `context` lines around each are part of its text; at most `max` matches. A pattern that is no regular
        expression is looked for as it is.
        """
        found: list[dict[str, object]] = []
        compiled = _pattern(touch(pattern), ignore_case=ignore_case)
        for name, text in self._docs(over):
            for match in _matches(compiled, text, context):
                if len(found) >= max:
                    return found
                found.append({"doc": name, **match})
        return found

    def search(self, query: object, k: int = 5, over: object = None) -> list[dict[str, object]]:
        """The `k` best passages for some words (BM25): doc, offset, score, text. Short documents stay whole."""
        query = touch(query)
        if not isinstance(query, str):
            query = " ".join(str(word) for word in query) if isinstance(query, list | tuple) else str(query)
        pieces, index = self._index(over)
        best = index.rank(query)[: max(int(k), 0)]
        return [
            {
                "doc": pieces[number].name,
                "offset": pieces[number].start,
                "score": round(score, 3),
                "text": pieces[number].text,
            }
            for score, number in best
        ]

    def chunks(
        self, size: int | None = None, overlap: int = 0, by: str = "characters", over: object = None
    ) -> list[str]:
        """Pieces of `size` units with `overlap` units in common; no piece crosses documents, nothing is left out.

        `by` is characters, lines, paragraphs, sentences, tokens or documents.
        """
        if isinstance(touch(size), str):
            over, size = size, None
        by = str(touch(by))
        by = by if by in UNITS else f"{by}s"
        if by not in UNITS:
            raise ValueError(f"chunks(by={by[:-1]!r}): by is one of {', '.join(UNITS)}")
        size = UNITS[by] if size is None else int(size)
        if size < 1 or not 0 <= overlap < size:
            raise ValueError(
                f"chunks(): size must be at least 1 and overlap from 0 to size - 1, not {size} and {overlap}"
            )
        docs = self._docs(over)
        if by == "documents":
            step = size - overlap
            return ["\n\n".join(text for _, text in docs[i : i + size]) for i in range(0, len(docs), step)]
        return [text[start:end] for _, text in docs for start, end in cut(text, size, overlap, by)]

    def count_tokens(self, text: object = None) -> int:
        """About how many tokens: a quarter of the bytes in UTF-8. Without a text, of the whole context."""
        return sum(count_tokens(part) for _, part in self._docs(text))

    def show_vars(self) -> dict[str, str]:
        """The variables, each with its type and size."""
        return {name: describe(value) for name, value in self._variables().items()}

    def _docs(self, over: object) -> Docs:
        return documents(self.context if over is None else deep_touch(over))

    def _pick(self, docs: Docs, doc: object) -> tuple[str, str]:
        if type(doc) is int and -len(docs) <= doc < len(docs):
            return docs[doc]
        found = next((pair for pair in docs if pair[0] == str(doc)), None)
        if found is None:
            names = ", ".join(name for name, _ in docs[:10])
            raise KeyError(f"no document {doc!r}; there are {len(docs)}: {names}{', ...' if len(docs) > 10 else ''}")  # noqa: PLR2004  # as many as peek shows
        return found

    def _index(self, over: object) -> tuple[list[Passage], Index | Scan]:
        docs = self._docs(over)
        key = tuple(docs)
        if key not in self._indexes:
            pieces = passages(docs)
            while len(self._indexes) >= _INDEXES:
                del self._indexes[next(iter(self._indexes))]
            self._indexes[key] = (pieces, ranker([piece.text for piece in pieces]))
            self.built += 1
        return self._indexes[key]


def describe(value: object) -> str:
    """Type and size of a value, without waiting for it."""
    if type(value).__name__ == "Handle":
        value = touch(value)
    kind = type(value).__name__
    if isinstance(value, str):
        return f"str, {len(value):,} characters"
    if isinstance(value, list | tuple | set | frozenset | Mapping):
        return f"{kind} of {len(value):,}"
    if isinstance(value, int | float | bool) or value is None:
        return f"{kind}: {str(value)[:40]}"
    return kind


def _part(text: str, start: int, end: int | None) -> str:
    if end is not None:
        return text[start:end]
    return text[:start] if start >= 0 else text[start:]


def _pattern(pattern: object, *, ignore_case: bool) -> re.Pattern[str]:
    if isinstance(pattern, re.Pattern):
        return pattern
    if not isinstance(pattern, str):
        raise TypeError(f"grep() takes a regular expression as a str, not {type(pattern).__name__}")
    flags = (re.IGNORECASE if ignore_case else 0) | re.MULTILINE
    try:
        return re.compile(pattern, flags)
    except re.error:
        return re.compile(re.escape(pattern), flags)


def _matches(pattern: re.Pattern[str], text: str, context: int) -> Iterator[dict[str, object]]:
    """One for each line in which a match starts."""
    starts: list[int] = []
    last = -1
    for match in pattern.finditer(text):
        if not starts:
            starts = [0, *(found.end() for found in re.finditer("\n", text))]
        line = bisect_right(starts, match.start())
        if line == last or (match.start() == len(text) and not match.group()):
            continue
        last = line
        first = starts[max(line - 1 - context, 0)]
        final = line + context
        end = starts[final] if final < len(starts) else len(text)
        if end - first > _LONG:
            first, end = max(first, match.start() - _AROUND), min(end, match.end() + _AROUND)
        yield {"line": line, "offset": match.start(), "text": text[first:end].rstrip("\n")}
