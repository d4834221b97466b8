"""`rlm-async demo`: a real question about a real text of more than a million tokens, on this machine."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from rlm_async.cli.amounts import characters, count, duration, money
from rlm_async.cli.asking import Asked, answered
from rlm_async.cli.options import Choices
from rlm_async.cli.report import FAILED, Ending, answer_text, error_line, verdict
from rlm_async.cli.streams import write, write_line
from rlm_async.cli.telemetry import exported
from rlm_async.core.tokens import estimate_tokens_of
from rlm_async.errors import ConfigError
from rlm_async.models.local.choice import PREFIX, is_local
from rlm_async.models.local.install import Installer, install
from rlm_async.models.local.progress import reporter
from rlm_async.models.local.weights import Weights, find, mebibytes


@dataclass(frozen=True, slots=True)
class Riddle:
    """A question about the standard library's sources, and how a person checks the answer."""

    question: str
    expected: str
    """What a right answer holds, compared without regard to case."""
    file: str
    """Where it stands, below the library's folder."""
    pattern: str
    """What to search that file for."""


RIDDLE = Riddle(
    question="Who contributed the authentication code of the IMAP4 client?",
    expected="Donn Cave",
    file="imaplib.py",
    pattern="Authentication code contributed",
)
LEFT_OUT = frozenset({"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"})
"""Folders that are no part of the library itself."""


def shown(choices: Choices, *, yes: bool, color: bool) -> int:
    """Fetch the weights if need be, ask, and say what was read, asked and spent. The exit status."""
    if is_local(choices.model):
        _install(choices.model, yes=yes)
    library = Path(sysconfig.get_path("stdlib"))
    write_line(f"question: {RIDDLE.question}", sys.stderr)
    write_line(f"input: the sources of Python's standard library in {library}", sys.stderr)
    paths = tuple(map(str, sources(library)))
    asked = Asked(question=RIDDLE.question, paths=paths, choices=choices, given_model=choices.model, color=color)
    with exported():
        ending = answered(asked, sys.stderr)
        write(answer_text(ending), sys.stdout)
        for line in account(ending, library):
            write_line(line, sys.stderr)
    right = RIDDLE.expected.casefold() in ending.text.casefold()
    return ending.exit_status or (0 if right else FAILED)


def sources(library: Path) -> Iterator[Path]:
    """The library's own Python files that hold something, tests left out, in order."""
    for folder, below, files in os.walk(library):
        below[:] = sorted(name for name in below if name not in LEFT_OUT)
        for name in sorted(files):
            path = Path(folder, name)
            if name.endswith(".py") and path.stat().st_size:
                yield path


def account(ending: Ending, library: Path) -> Iterator[str]:
    """What was read, asked and spent, and how to check the answer by hand."""
    if ending.error is not None:
        yield error_line(ending.error)
    if (line := verdict(ending)) is not None:
        yield line
    progress = ending.progress
    if progress.started is None:
        return
    context, spent = progress.started.query.context, progress.spent
    tokens = estimate_tokens_of([document.text for document in context])
    share = progress.prompt_tokens / tokens if tokens else 1.0
    yield (
        f"read:  {count(len(context.documents), 'file')}, {characters(context.characters)}, about {count(tokens)} "
        f"tokens; the model was shown {count(progress.prompt_tokens, 'token')} ({share:.2%})"
    )
    yield f"asked: {count(len(progress.nodes), 'node')}, {count(spent.calls, 'model call')}"
    seconds = ending.answer.usage.seconds if ending.answer else progress.at
    price = money(spent.nanos, unknown=spent.unknown)
    yield f"spent: {count(spent.tokens, 'token')}, {price}, {duration(seconds)}"
    yield f'check: grep -n "{RIDDLE.pattern}" {library / RIDDLE.file}'
    if ending.answer is not None and RIDDLE.expected.casefold() not in ending.text.casefold():
        yield f"this answer is wrong: the text says {RIDDLE.expected!r}; small models err, a larger one is --model …"


def _install(model: str, *, yes: bool) -> None:
    """Have the model's weights on this machine; asks a person before it fetches them."""
    name = model.removeprefix(PREFIX).removeprefix(":")
    if not name or name.endswith(".gguf"):
        return  # whatever is there, or a file of the user's own
    weights = find(name)
    if Installer.of(os.environ).where(weights) is not None:
        return
    _consent(weights, yes=yes)
    with reporter(sys.stderr) as told:
        install(weights.name, told)


def _consent(weights: Weights, *, yes: bool) -> None:
    size = f"{weights.name} is not installed: {mebibytes(weights.size)} ({weights.licence}) are to be fetched"
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"{size}; say --yes, or run 'rlm-async local install {weights.name}' first")
    if not typer.confirm(f"{size}. Go on?", default=True, err=True):
        raise ConfigError("nothing was fetched; --model names another model")
