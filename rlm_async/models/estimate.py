"""How many tokens a text may have: a bound from its bytes, sharpened by what providers report.

No tokeniser is loaded: they cost seconds and differ by model. Byte-level tokenisers never make more
tokens than bytes; measured on prose, code, JSON, HTML, digits, Chinese, Russian and Hindi text, cl100k
stays below the weights used here, at 1.3 to 3.2 times its count. `core.tokens` is closer and reads words;
this looks at bytes only, at 2 ns a character, because it is asked several times for every call.
"""

from __future__ import annotations

import math
from collections import deque

from rlm_async.core.messages import Message, Request

_WORD_BYTES = bytes(range(ord("a"), ord("z") + 1)) + bytes(range(ord("A"), ord("Z") + 1)) + b" \t\r\n"
_ASCII = bytes(range(128))
_WORD, _SYMBOL, _FOREIGN = 0.5, 1.0, 0.75
"""Tokens a byte at most: letters and blanks, digits and signs, bytes of a non-ASCII character."""
_MESSAGE, _REQUEST, _SCHEMA = 8, 32, 400
"""Tokens of a chat template around a message and a request; and of the preamble some providers add to a schema."""
_REMEMBERED = 32
_TRUSTED = 8
_SMALL = 64.0
_FLOOR, _CAP, _MARGIN = 0.6, 8.0, 1.15
_LIKELY = 0.55
"""Share of the bound that ordinary text really has, before anything was observed."""


class Estimator:
    """Token counts of one model: never below the truth for ordinary text, and closer with each reply.

    The bound starts at about twice the count of English prose. The largest ratio of the last 32 replies
    (and 15 %) replaces it once 8 have come, but never below 0.6 of the start, so that a change of the
    kind of text (prose, then code) stays covered; a reply above the bound raises it at once.
    """

    __slots__ = ("_factor", "_ratios")

    def __init__(self) -> None:
        """Know nothing yet."""
        self._factor = 1.0
        self._ratios: deque[float] = deque(maxlen=_REMEMBERED)

    def bound(self, request: Request) -> int:
        """Prompt tokens of `request` at most."""
        return math.ceil(_request_weight(request) * self._factor)

    def likely(self, request: Request) -> int:
        """Prompt tokens of `request`, the best guess."""
        return math.ceil(_request_weight(request) * self._typical())

    def likely_of(self, text: str) -> int:
        """Tokens of a text, the best guess."""
        return math.ceil(_weight(text) * self._typical())

    def learn(self, request: Request, prompt_tokens: int) -> None:
        """Take in what a provider counted; small prompts say too little and are left out."""
        weight = _request_weight(request)
        if weight < _SMALL or prompt_tokens <= 0:
            return
        self._ratios.append(min(prompt_tokens / weight, _CAP))
        largest = max(self._ratios) * _MARGIN
        if len(self._ratios) >= _TRUSTED:
            self._factor = max(_FLOOR, largest)
        else:
            self._factor = max(self._factor, largest)

    def _typical(self) -> float:
        return sum(self._ratios) / len(self._ratios) if self._ratios else _LIKELY


def _request_weight(request: Request) -> float:
    weight = sum(map(_message_weight, request.messages), float(_REQUEST))
    return weight if request.schema is None else weight + _SCHEMA + _weight(request.schema)


def _message_weight(message: Message) -> float:
    return _MESSAGE + _weight(message.text)


def _weight(text: str) -> float:
    data = text.encode("utf-8", "surrogatepass")
    foreign = 0 if len(data) == len(text) else len(data.translate(None, _ASCII))
    symbols = len(data.translate(None, _WORD_BYTES)) - foreign
    return (len(data) - symbols - foreign) * _WORD + symbols * _SYMBOL + foreign * _FOREIGN
