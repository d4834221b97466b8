"""Text of models, files and providers as a terminal may be shown it, and as JSON may carry it."""

from __future__ import annotations

import json
import re

from rlm_async.core.data import Data

# C0 and C1 controls drive a terminal (ECMA-48); bidi controls and tag characters show a person other text
# than there is (Unicode TR 36, CVE-2021-42574); a lone surrogate cannot be encoded.
_INVISIBLE = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f"
_HARMFUL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_INVISIBLE}]")
_SEQUENCE = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    "|\x1b[\\]PX^_].*?(?:\x07|\x1b\\\\|$)"  # titles, links, clipboard
    "|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNQUOTABLE = re.compile(f"[\x7f-\x9f{_INVISIBLE}\u2028\u2029\ud800-\udfff]")
LONGEST_LABEL = 200
"""Characters of a label that are kept; a screen shows fewer."""


def visible(text: str) -> str:
    """`text` without what a terminal would obey; line breaks and tabs stay."""
    text = _SURROGATE.sub("\ufffd", text).replace("\r\n", "\n")
    return _HARMFUL.sub("", _SEQUENCE.sub("", text))


def one_line(text: str, longest: int = LONGEST_LABEL) -> str:
    """`visible`, as one line of at most `longest` characters."""
    head = text[: longest * 4]  # a prompt may hold megabytes; a row needs its beginning
    line = " ".join(visible(head).split())
    return line if len(line) <= longest and len(head) == len(text) else f"{line[: longest - 1]}…"


def as_json(value: Data | dict[str, object]) -> str:
    """`value` as one line of JSON that is readable and safe to print; parsing it gives the exact value."""
    return _UNQUOTABLE.sub(_escaped, json.dumps(value, ensure_ascii=False))


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
