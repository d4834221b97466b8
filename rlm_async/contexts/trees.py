"""The files of a folder, as git would see them: sorted, ignored ones left out, links not followed.

Ignore rules are those of gitignore(5): a `.gitignore` in any folder, those above it up to the work tree's
root, and `.git/info/exclude`; the deepest file that says something wins, and nothing below an ignored folder
comes back. The user's own global ignore file is not read: a folder gives everybody the same context.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlm_async.contexts.ignoring import IgnoreRules, ignore_rules
from rlm_async.contexts.intake import Intake

REPOSITORIES = frozenset({".git", ".hg", ".svn", ".jj", ".bzr"})
GENERATED = frozenset({"__pycache__", "node_modules"})
VIRTUAL = "pyvenv.cfg"
"""What marks a folder as a Python virtual environment (PEP 405)."""
_EXAMPLES = 3


@dataclass(slots=True)
class LeftOut:
    """What was left out of a folder and why: counts, and the first names of each reason."""

    _counts: dict[str, int] = field(default_factory=dict)
    _examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        """Count one more."""
        self._counts[reason] = self._counts.get(reason, 0) + 1
        examples = self._examples.setdefault(reason, [])
        if len(examples) < _EXAMPLES:
            examples.append(name)

    def notes(self) -> tuple[str, ...]:
        """One line a reason, as in `left out, binary: 12 (a.png, b.so, c.jpg, …)`."""
        return tuple(
            f"left out, {reason}: {count:,} ({', '.join(self._examples[reason])}{', …' if count > _EXAMPLES else ''})"
            for reason, count in sorted(self._counts.items())
        )


@dataclass(frozen=True, slots=True)
class _Rules:
    """The ignore rules that one file adds, for paths below `folder`."""

    folder: str
    rules: IgnoreRules

    def verdict(self, path: str, *, folder: bool) -> bool | None:
        """Whether `path` is ignored, or None where no rule speaks of it."""
        return self.rules.verdict(_below(path, self.folder), folder=folder)


def walk(root: Path, intake: Intake, left_out: LeftOut) -> Iterator[Path]:
    """The regular files below `root` that are not ignored, in the order of their names, folder by folder."""
    top = os.path.abspath(root)  # noqa: PTH100 -- resolve() would follow links, and names are compared as given
    pending: list[tuple[str, tuple[_Rules, ...]] | Path] = [(top, _rules_above(top))]
    while pending:
        place = pending.pop()
        if isinstance(place, Path):
            yield place
            continue
        intake.check()
        folder, rules = place
        entries = _listed(folder, top, left_out)
        rules = (*rules, *_rules_of(os.path.join(folder, ".gitignore"), folder))  # noqa: PTH118 -- strings throughout: a tree has many
        kept = [_kept(entry, top, rules, left_out) for entry in entries]
        pending.extend(place for place in reversed(kept) if place)


def _listed(folder: str, top: str, left_out: LeftOut) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if folder == top:
            raise
        left_out.add(f"not readable ({error.strerror})", _below(folder, top) + "/")
        return []
    if folder != top and any(entry.name == VIRTUAL for entry in found):
        left_out.add("virtual environments", _below(folder, top) + "/")
        return []
    return found


def _kept(
    entry: os.DirEntry[str], top: str, rules: tuple[_Rules, ...], left_out: LeftOut
) -> tuple[str, tuple[_Rules, ...]] | Path | None:
    name = _below(entry.path, top)
    if entry.is_symlink():
        left_out.add("symbolic links (name what they point to)", name)
        return None
    folder = entry.is_dir(follow_symlinks=False)
    if entry.name in REPOSITORIES:  # folders, and the file that stands for one in a worktree or submodule
        return None
    if folder and entry.name in GENERATED:
        left_out.add("generated", f"{name}/")
    elif not folder and not entry.is_file(follow_symlinks=False):
        left_out.add("no regular files", name)
    elif _ignored(entry.path, rules, folder=folder):
        left_out.add("ignored by .gitignore", f"{name}/" if folder else name)
    else:
        return (entry.path, rules) if folder else Path(entry.path)
    return None


def _ignored(path: str, rules: Sequence[_Rules], *, folder: bool) -> bool:
    verdicts = (rule.verdict(path, folder=folder) for rule in reversed(rules))
    return next((verdict for verdict in verdicts if verdict is not None), False)


def _rules_above(top: str) -> tuple[_Rules, ...]:
    """The rules of the folders from the work tree's root down to the one above `top`."""
    above = [Path(top), *Path(top).parents]
    root = next((place for place in above if (place / ".git").exists()), None)
    if root is None:
        return ()
    between = [place for place in reversed(above[1:]) if place.is_relative_to(root)]
    files = [(root / ".git" / "info" / "exclude", root), *((place / ".gitignore", place) for place in between)]
    rules = tuple(rule for file, place in files for rule in _rules_of(str(file), str(place)))
    on_the_way = [str(place) for place in above if place != root and place.is_relative_to(root)]
    # Who names an ignored folder wants it read, so the rules that ignore it do not hold inside.
    return () if any(_ignored(place, rules, folder=True) for place in on_the_way) else rules


def _rules_of(file: str, folder: str) -> tuple[_Rules, ...]:
    try:
        text = Path(file).read_bytes().removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    except OSError:  # there is none, or nobody may read it: then it rules nothing
        return ()
    rules = ignore_rules(text.split("\n"))
    return (_Rules(folder, rules),) if rules else ()


def _below(path: str, top: str) -> str:
    return path[len(top) :].lstrip(os.sep).replace(os.sep, "/")
