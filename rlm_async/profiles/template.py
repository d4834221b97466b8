"""Makes a new profile plugin: a distribution of its own that works as it is, to be changed part by part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from rlm_async.core.profile import PLAIN
from rlm_async.errors import ConfigError

NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_TAKEN = frozenset({PLAIN.name, "auto"})
_ENDING = ".in"


def new_plugin(name: str, folder: Path) -> list[Path]:
    """Write the files of a plugin into `folder`, which it makes; raises ConfigError where that is not empty."""
    if not NAME.fullmatch(name) or name in _TAKEN:
        raise ConfigError(
            f"{name!r} cannot be a profile's name: use small letters, digits and hyphens, and none of {sorted(_TAKEN)}"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there already; name a folder that is new or empty")
    package = f"rlm_async_{name.replace('-', '_')}"
    written = []
    for place, text in _files(files("rlm_async.profiles") / "skeleton"):
        path = folder.joinpath(*(package if part == "package" else part for part in place))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("{{name}}", name).replace("{{package}}", package), "utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error
        written.append(path)
    return written


def _files(folder: Traversable) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each file of the template: its place, and its text."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from (((entry.name, *place), text) for place, text in _files(entry))
        elif entry.name.endswith(_ENDING):
            yield (entry.name.removesuffix(_ENDING),), entry.read_text("utf-8")
