"""Repositories: packages of Python's standard library, and which files call a name; the gold answers are `ast`'s."""

from __future__ import annotations

import ast
import sysconfig
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from benchmarks.profiles.asking import NAMES, by_pieces, known, place
from benchmarks.profiles.trial import Case
from rlm_async.core.context import Context, Document

PACKAGES = (
    "asyncio",
    "email",
    "http",
    "concurrent",
    "importlib",
    "json",
    "logging",
    "multiprocessing",
    "unittest",
    "xml",
)
QUESTIONS = 4
LARGEST = 2_000_000


def cases(data: Path | None, windows: int) -> Iterator[Case]:
    """Which files call a function of the package; its names drawn among those that it calls itself."""
    for seed, package in enumerate(PACKAGES[:windows] if windows < len(PACKAGES) else PACKAGES):
        documents = read(Path(sysconfig.get_paths()["stdlib"]) / package)
        called = {document.name: calls(document.text) for document in documents}
        defined = {name for document in documents for name in definitions(document.text)}
        files = Counter(name for places in called.values() for name in places if name in defined and len(name) > 3)
        pool = sorted(name for name, count in files.items() if count < len(documents))
        for name in Random(f"profiles/code/{package}").sample(pool, min(QUESTIONS, len(pool))):
            thing = f"a call of {name}"
            held = [document for document in documents if name in called[document.name]]
            anchors = {d.name: {thing: tuple(place(d.text, at) for at in called[d.name][name])} for d in held}
            yield Case(
                window=seed,
                family="calls",
                context=Context(documents, "corpus"),
                question=f"Which files call {name}? Reply with 'Answer:' and then one file name a line.",
                gold="\n".join(document.name for document in held),
                kind="set",
                knowledge=known(anchors),
                programs={
                    "without": by_pieces(thing),
                    "with": f"names = sorted({{call['doc'] for call in calls({name!r})}})\n{NAMES}",
                },
            )


def read(folder: Path) -> tuple[Document, ...]:
    paths = sorted(path for path in folder.rglob("*.py") if "test" not in path.parts and "tests" not in path.parts)
    return tuple(Document(str(path.relative_to(folder)), path.read_text("utf-8")) for path in paths)


def calls(text: str) -> dict[str, list[int]]:
    """Names that are called, with the offset of the line of each call."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: dict[str, list[int]] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            found.setdefault(name, []).append(starts[node.lineno - 1])
    return found


def definitions(text: str) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)}
