"""What a text looks like: JSON with which keys, CSV with which columns, a log, source code, prose.

Looks at the beginning only, guesses, and never raises: a prompt may be told "looks like", not "is".
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

HEAD = 32_000
"""Characters looked at."""
KEYS = 12
"""Keys and columns named at most."""

LANGUAGES: Final = {
    ".bash": "shell", ".c": "C", ".cc": "C++", ".cfg": "configuration", ".clj": "Clojure", ".cpp": "C++", ".cs": "C#",
    ".css": "CSS", ".dart": "Dart", ".erl": "Erlang", ".ex": "Elixir", ".f90": "Fortran", ".fs": "F#", ".go": "Go",
    ".h": "C", ".hpp": "C++", ".hs": "Haskell", ".ini": "configuration", ".java": "Java", ".jl": "Julia",
    ".js": "JavaScript", ".jsx": "JavaScript", ".kt": "Kotlin", ".lua": "Lua", ".m": "Objective-C", ".ml": "OCaml",
    ".php": "PHP", ".pl": "Perl", ".proto": "Protocol Buffers", ".ps1": "PowerShell", ".py": "Python",
    ".pyi": "Python", ".r": "R", ".rb": "Ruby", ".rs": "Rust", ".scala": "Scala", ".sh": "shell", ".sql": "SQL",
    ".swift": "Swift", ".tf": "Terraform", ".toml": "TOML", ".ts": "TypeScript", ".tsx": "TypeScript",
    ".vue": "Vue", ".yaml": "YAML", ".yml": "YAML", ".zig": "Zig",
}  # fmt: skip

_STAMP = re.compile(
    r"[\[<(]?(\d{4}[-/]\d\d[-/]\d\d[T ,]\d\d:\d\d|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d"
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d\d:\d\d:\d\d[.,]\d)"
)
_STAMP_WITHIN = 60
"""A log line has its time stamp within so many characters."""
_MARKDOWN = re.compile(r"^(#{1,6} \S|[-*] \S|\d+\. \S|```|> |\|.*\|$|\[.+\]\(.+\))")
_PYTHON = re.compile(r"^\s*(def \w+\(|class \w+[:(]|import \w+|from [\w.]+ import |@\w+|if .+:$|return\b)")
_BRACED = re.compile(r"[;{}]\s*$")
_FEW = 5
"""Lines that settle what a table, a log or a JSONL is."""


@dataclass(frozen=True, slots=True)
class _Sample:
    text: str
    head: str
    lines: list[str]
    """Lines of the head that hold something."""


def looks_like(text: str, name: str = "") -> str:
    """One phrase for the format of `text`, guided by the file name, e.g. `CSV with columns a, b`."""
    suffix = f".{name.rpartition('.')[2].lower()}" if "." in name else ""
    head = text[:HEAD]
    lines = [line for line in head.splitlines()[:200] if line.strip()]
    if not lines:
        return "empty"
    if len(head) < len(text) and len(lines) > 1:
        lines.pop()  # cut off in its middle
    language = LANGUAGES.get(suffix) or _by_shebang(lines[0])
    if language:
        return f"{language} source" if language not in {"configuration", "YAML", "TOML"} else language
    for guess in _GUESSES:
        found = guess(_Sample(text, head, lines))
        if found:
            return found
    return "plain text"


def _by_shebang(line: str) -> str:
    match = re.match(r"#!\S*?(python|bash|sh|node|perl|ruby)?(?: (python|bash|sh|node|perl|ruby))?[\d.]*\s*$", line)
    found = (match[2] or match[1] or "") if match else ""
    return {"python": "Python", "node": "JavaScript", "perl": "Perl", "ruby": "Ruby"}.get(
        found, "shell" if found else ""
    )


def _jsonl(sample: _Sample) -> str:
    rows = [_parsed(line) for line in sample.lines[:_FEW]]
    if len(rows) > 1 and all(isinstance(row, dict | list) and row for row in rows):
        keys = _keys(next((row for row in rows if isinstance(row, dict)), None))
        return f"JSON Lines, one object a line{keys}" if keys else "JSON Lines"
    return ""


def _json(sample: _Sample) -> str:
    start = sample.head.lstrip()[:1]
    if start not in {"{", "["}:
        return ""
    if len(sample.text) <= HEAD:
        value = _parsed(sample.text)
        if isinstance(value, dict):
            return f"JSON, an object{_keys(value)}"
        return (
            f"JSON, a list of {len(value)} items{_keys(value[0] if value else None)}" if isinstance(value, list) else ""
        )
    if start == "{":
        return "JSON, an object" if re.match(r'\s*\{\s*"', sample.head) else ""
    first = _first_value(sample.head.lstrip()[1:].lstrip())
    return f"JSON, a list{_keys(first)}" if first is not None else ""


def _log(sample: _Sample) -> str:
    lines = sample.lines[:50]
    stamped = sum(bool(_STAMP.search(line[:_STAMP_WITHIN])) for line in lines)
    return "log lines with time stamps" if len(lines) > 1 and stamped >= _FEW and stamped * 2 > len(lines) else ""


def _table(sample: _Sample) -> str:
    for separator, kind in _SEPARATORS.items():
        rows = _rows(sample, separator)
        width = len(rows[0]) if rows else 0
        if width > 1 and len(rows) > 1 and all(len(row) == width for row in rows):
            columns = [cell.strip() for cell in rows[0]]
            if _header(columns):
                return f"{kind} with columns {_listed(columns)}"
            return f"{kind} with {width} columns and no header" if len(rows) > _FEW else ""
    return ""


def _rows(sample: _Sample, separator: str) -> list[list[str]]:
    try:
        rows = [
            row for row in islice(csv.reader(sample.head.splitlines(keepends=True), delimiter=separator), 20) if row
        ]
    except csv.Error:  # no table, then
        return []
    return rows if len(sample.head) == len(sample.text) else rows[:-1]


def _markup(sample: _Sample) -> str:
    start = sample.lines[0].lstrip().lower()
    if start.startswith(("<!doctype html", "<html")):
        return "HTML"
    return "XML" if start.startswith("<?xml") or re.match(r"<[a-z][\w:-]*[ />]", start) else ""


def _markdown(sample: _Sample) -> str:
    marked = [line for line in sample.lines if _MARKDOWN.match(line)]
    headed = any(line.startswith(("# ", "## ", "```")) for line in marked)
    return "Markdown" if headed and len(marked) * 12 > len(sample.lines) else ""


def _code(sample: _Sample) -> str:
    total = len(sample.lines)
    if total < _FEW:
        return ""
    if sum(bool(_BRACED.search(line)) for line in sample.lines) * 3 > total:
        return "source code"
    return "Python source" if sum(bool(_PYTHON.match(line)) for line in sample.lines) * 10 > total else ""


_GUESSES: tuple[Callable[[_Sample], str], ...] = (_jsonl, _json, _log, _markup, _code, _markdown, _table)
_SEPARATORS = {"\t": "TSV", ",": "CSV", ";": "CSV (separated by ;)", "|": "table (separated by |)"}


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # not JSON, or nested to break parsers
        return None


def _first_value(text: str) -> object:
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value


def _keys(value: object) -> str:
    return f" with keys {_listed(list(value))}" if isinstance(value, dict) and value else ""


def _header(columns: list[str]) -> bool:
    """A first line of short, different names that are no numbers."""
    plain = all(column and len(column) <= 60 and not re.match(r"[-+\d.]", column) for column in columns)  # noqa: PLR2004 -- a column's name is a few words
    return plain and len(set(columns)) == len(columns)


def _listed(names: list[str]) -> str:
    shown = ", ".join(str(name)[:40] for name in names[:KEYS])
    return f"{shown}, and {len(names) - KEYS} more" if len(names) > KEYS else shown
