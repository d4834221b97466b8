"""What the caller named, made definite: patterns expanded, each file once, names to tell them apart."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rlm_async.contexts.intake import Unreadable, shown_name
from rlm_async.errors import ConfigError

STDIN = "-"
_PATTERN = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to read; `found` is true for what no caller named, so that it may be left out."""

    path: Path
    kind: Literal["file", "folder", "stdin"]
    found: bool = False


def sources(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Source]:
    """The files and folders that `paths` mean, in order, each once; raises ConfigError for one that is not there."""
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not several:
        raise ConfigError("no file to read was named: give a path, a pattern, or - for standard input")
    seen: set[str] = set()
    found = []
    for path in several:
        for source in _meant(os.fspath(path)):
            key = STDIN if source.kind == "stdin" else os.path.realpath(source.path)
            if key not in seen:
                seen.add(key)
                found.append(source)
    return found


def names(files: Sequence[Path], roots: Sequence[Source]) -> list[str]:
    """A name for each of `files`: its path below the folder that holds all of `roots`, with `/`."""
    tops = [root.path if root.kind == "folder" else root.path.parent for root in roots if root.kind != "stdin"]
    try:
        common = os.path.commonpath(tops) if tops else ""
    except ValueError:  # on different drives
        common = ""
    return [_name(file, common) for file in files]


def _name(file: Path, common: str) -> str:
    if str(file) == STDIN:
        return "<stdin>"
    text = str(file)
    below = text[len(common) :].lstrip(os.sep) if common and text.startswith(common) else text
    return below.replace(os.sep, "/").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _meant(path: str) -> list[Source]:
    if path == STDIN:
        return [Source(Path(STDIN), "stdin")]
    if "\0" in path:
        raise ConfigError(f"{shown_name(path)} is no path: it holds a NUL character")
    if not path:
        raise ConfigError("an empty string is no path: give a file, a folder, or - for standard input")
    if not os.path.lexists(path):
        path = os.path.expanduser(path)  # noqa: PTH111 -- a file that is really called ~ came first
        if not os.path.lexists(path):
            return _matching(path)
    return [Source(Path(os.path.abspath(path)), _kind(path))]  # noqa: PTH100 -- resolve() would follow links, and names are as given


def _matching(pattern: str) -> list[Source]:
    if not _PATTERN & set(pattern):
        raise ConfigError(f"{shown_name(pattern)} does not exist{_nearest(pattern)}")
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 -- Path.glob takes no absolute patterns
    usable = [Source(Path(os.path.abspath(match)), kind, found=True) for match in matches if (kind := _usable(match))]  # noqa: PTH100
    # `**` also gives the folders, whose files it gives as well.
    files = [source for source in usable if source.kind == "file"] if "**" in pattern else usable
    if not files:
        raise ConfigError(f"no file matches {shown_name(pattern)}")
    return files


def _usable(path: str) -> Literal["file", "folder"] | None:
    try:
        return _kind(path)
    except ConfigError:
        return None


def _kind(path: str) -> Literal["file", "folder"]:
    name = shown_name(path)
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 -- the string has not become a Path yet
    except OSError as error:
        raise unreadable(name, error) from error
    if stat.S_ISDIR(mode):
        return "folder"
    if not stat.S_ISREG(mode):
        raise ConfigError(
            f"{name} is no regular file but a pipe, socket or device: pipe its text in and name - instead"
        )
    return "file"


def unreadable(name: str, error: OSError) -> Unreadable:
    """The system's refusal in one line."""
    if isinstance(error, PermissionError):
        return Unreadable(f"{name} may not be read by this user: check its permissions", "permission denied")
    if isinstance(error, FileNotFoundError):
        return Unreadable(f"{name} does not exist (or is a link to nothing)", "gone")
    why = error.strerror or type(error).__name__
    return Unreadable(f"{name} cannot be read: {why}", f"not readable ({why})")


def _nearest(path: str) -> str:
    """A hint at the part of the path that is wrong."""
    missing = Path(path)
    while missing.parent != missing and not os.path.lexists(missing.parent):
        missing = missing.parent
    if missing != Path(path):
        return f": there is no {shown_name(str(missing))}"
    return "" if missing.is_absolute() else f" in {shown_name(str(Path.cwd()))}"
