"""Whether an input looks like source code: by the names of its files, else by how its lines are made."""

from __future__ import annotations

import re

from rlm_async.core.context import Context, Document

DOCUMENTS = 200
"""So many, evenly spread, are looked at."""
GLANCE = 8_000
TEXT_SHARE = 0.12
"""Of the lines of a text without a name: so many begin or end as code does."""
LEAST_LINES = 8

ENDINGS = frozenset(
    [
        *(
            "py",
            "pyi",
            "pyx",
            "js",
            "jsx",
            "ts",
            "tsx",
            "mjs",
            "cjs",
            "java",
            "kt",
            "scala",
            "cs",
            "c",
            "h",
            "cc",
            "cpp",
        ),
        *(
            "cxx",
            "hpp",
            "go",
            "rs",
            "swift",
            "php",
            "dart",
            "rb",
            "lua",
            "ex",
            "exs",
            "jl",
            "sh",
            "bash",
            "zsh",
            "pl",
            "r",
        ),
    ]
)
BESIDE = frozenset(
    ["toml", "cfg", "ini", "yaml", "yml", "json", "lock", "md", "rst", "txt", "css", "html", "sql", "mk", "cmake", "in"]
)
"""Files that stand beside code in every repository: no sign against it, and none for it."""
_LINE = re.compile(
    r"^\s*(?:def \w+\(|class \w+[(:{]|import \w[\w.]*(?: as \w+)?;?$|from [\w.]+ import |return\b.*[;)\w]$|if .*:$|if \(.*\{?$|for .*:$"
    r"|elif .*:$|else:$|try:$|except.*:$|with .*:$|while .*:$|raise \w+|self\.\w+|@\w+[\w.]*(?:\(.*)?$|#include\b|#define\b|package \w[\w.]*;?$|func \w*|fn \w+"
    r"|(?:public|private|protected|static|const|let|var|function|export|struct|impl|use|using|namespace)\b.*[;{(]?$|\}[;,)]*$|.*[;{]$|\w[\w.]* [-+*/]?= .+)"
)
_PROSE = re.compile(r"^[\"'(]?[A-Z][^=;{}()\[\]]{30,}[.,:a-z]$")


def fits(context: Context) -> float:
    """How sure: the share of the text that stands in files of code; of a text without a name, by its lines."""
    documents = [document for document in context.documents if document.text.strip()]
    if not documents:
        return 0.0
    step = max(1, len(documents) // DOCUMENTS)
    looked = documents[::step][:DOCUMENTS]
    named = [document for document in looked if _ending(document)]
    if context.shape in {"corpus", "dict"} and len(named) * 2 >= len(looked):
        return _by_names(named)
    return sum(_by_lines(document.text[:GLANCE]) for document in looked[:20]) / len(looked[:20])


def _ending(document: Document) -> str:
    name = document.name.replace("\\", "/").rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def _by_names(documents: list[Document]) -> float:
    code = sum(len(document.text) for document in documents if _ending(document) in ENDINGS)
    other = sum(len(document.text) for document in documents if _ending(document) not in ENDINGS | BESIDE)
    files = sum(_ending(document) in ENDINGS for document in documents) / len(documents)
    if not code:
        return 0.0
    share = code / (code + other)
    beside = sum(len(document.text) for document in documents) - code - other
    return round(min(0.98, share) * (1.0 if files >= 0.3 or code > beside else 0.45), 2)  # noqa: PLR2004 - a third of the files


def _by_lines(text: str) -> float:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < LEAST_LINES:
        return 0.0
    code = sum(bool(_LINE.match(line)) for line in lines) / len(lines)
    prose = sum(bool(_PROSE.match(line.strip())) for line in lines) / len(lines)
    heads = len(
        re.findall(
            r"(?m)^\s*(?:def \w+\(|class \w+|import \w|from \w[\w.]* import |#include|func |fn |function |public |package )",
            text,
        )
    )
    if code < TEXT_SHARE or prose > code or heads < 2:  # noqa: PLR2004 - one may be a sentence
        return 0.0
    return round(min(0.95, 0.5 + code / 2), 2)
