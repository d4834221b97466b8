"""A repository as it is asked about: its files, and the history of them where they were read from a git work tree.

Git is started with nothing that a repository's own settings could make it run: no pager, no signature program, no
external diff, no monitor, no fetching. It refuses folders that belong to somebody else by itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from rlm_async.core.context import Context, Document

HISTORY = "git log"
"""The name of the document that holds it; `session/symbols.py` knows it too."""
COMMITS = 2_000
LARGEST = 4_000_000
"""Characters."""
SECONDS = 10.0

_GIT = (
    "--no-pager",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "log.showSignature=false",
    "-c",
    "core.quotePath=false",
    "-c",
    "protocol.allow=never",
)
_LOG = ("log", "--format=medium", "--date=iso-strict", "--name-status", "--no-ext-diff", "--no-textconv", "--no-color")


def prepare(context: Context) -> Context:
    """The context with the history of each folder that it was read from, where there is one; else as it is."""
    if any(document.name == HISTORY for document in context):
        return context
    logs = [log for folder in context.folders if (log := history(Path(folder)))]
    if not logs:
        return context
    return replace(context, documents=(*context.documents, Document(HISTORY, "\n".join(logs))), shape="corpus")


def history(folder: Path) -> str:
    """The output of `git log` over a folder, names below it; nothing where there is no history or no git."""
    git = shutil.which("git")
    if git is None or not any((place / ".git").exists() for place in (folder, *folder.parents)):
        return ""
    quiet = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CONFIG_HOME", "SYSTEMROOT") if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program; the folder is the caller's own
            [git, *_GIT, "-C", str(folder), *_LOG, f"--max-count={COMMITS}", "--relative", "--", "."],
            env={**kept, **quiet},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    text = done.stdout.decode("utf-8", errors="replace") if done.returncode == 0 else ""
    if len(text) > LARGEST:
        text = text[:LARGEST].rpartition("\ncommit ")[0]
    return text
