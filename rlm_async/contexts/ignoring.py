"""The rules of a `.gitignore` file, as gitignore(5) words them, for one file or folder at a time.

A walk that prunes ignored folders must ask whether a rule matches an entry itself. A list of whole paths
can be filtered with pathspec; for a walk its answers differ from git's, because there a rule that matches a
folder also matches what is inside (`*`, `!*/`, `!*.py` loses every file below the top).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_POSIX = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": " \\t", "cntrl": "\\x00-\\x1f\\x7f", "digit": "0-9",
    "graph": "!-~", "lower": "a-z", "print": " -~", "punct": "!-/:-@\\[-`{-~", "space": "\\s", "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_CLASS = re.compile(
    r"""\[(?P<not>[!^])?(?P<body>\]?(?:\[:[a-z]+:\]|\\.|[^\]\\])*)\]""",
    re.DOTALL,
)
_MEMBER = re.compile(r"\[:(?P<posix>[a-z]+):\]|(?P<low>\\.|[^\\])(?:-(?P<high>\\.|[^\\\]]))?", re.DOTALL)
_STARS = re.compile(r"\*+")
_NEVER = "(?!)"
_STAR = "[^/]*"
_FOLDERS = "(?:.*/)?"
_INSIDE = ".+"
_BOUNDARIES = frozenset({_STAR, _FOLDERS, _INSIDE, "/"})


@dataclass(frozen=True, slots=True)
class _Rule:
    ignores: bool
    folders_only: bool
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules of one file, for paths relative to its folder."""

    rules: tuple[_Rule, ...]
    any_of_them: re.Pattern[str]
    """Matches whatever one of the rules matches: most paths are done after this."""

    def verdict(self, path: str, *, folder: bool) -> bool | None:
        """Whether the entry `path` is ignored; None where no rule speaks of it. The last rule wins."""
        if not self.any_of_them.fullmatch(path):
            return None
        matching = (r for r in reversed(self.rules) if (folder or not r.folders_only) and r.pattern.fullmatch(path))
        return next((rule.ignores for rule in matching), None)


def ignore_rules(lines: Iterable[str]) -> IgnoreRules | None:
    """The rules of the lines of a `.gitignore`, or None where they hold none."""
    rules = tuple(rule for line in lines if (rule := _rule(line.removesuffix("\r"))))
    if not rules:
        return None
    return IgnoreRules(rules, re.compile("|".join(f"(?:{rule.pattern.pattern})" for rule in rules), re.DOTALL))


def _rule(line: str) -> _Rule | None:
    line = _trimmed(line)
    ignores = not line.startswith("!")
    pattern = line if ignores else line[1:]
    if not pattern or line.startswith("#"):
        return None
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    anchored = "/" in pattern
    expression = _translated(pattern.removeprefix("/"))
    return _Rule(ignores, folders_only, re.compile(expression if anchored else _FOLDERS + expression, re.DOTALL))


def _trimmed(line: str) -> str:
    """Without trailing spaces, but with the one that a backslash protects."""
    bare = line.rstrip(" ")
    protected = (len(bare) - len(bare.rstrip("\\"))) % 2 and len(bare) < len(line)
    return f"{bare} " if protected else bare


def _translated(glob: str) -> str:
    """The regular expression of a pattern without its leading and trailing slash.

    A `*` that another one follows takes the first fit and never tries again (an atomic group): that loses no
    match, and a pattern of many stars cannot make the search explode.
    """
    parts: list[str] = []
    after_star: list[str] | None = None
    at = 0
    while at < len(glob):
        found = _piece(glob, at)
        if found is None:  # an open class, a lone backslash: git lets it match nothing
            return _NEVER
        part, at = found
        if part in _BOUNDARIES:
            if after_star is not None:
                fixed = "".join(after_star)
                parts.append(f"(?>[^/]*?{fixed})" if part == _STAR else f"[^/]*{fixed}")
            after_star = [] if part == _STAR else None
            parts += [] if part == _STAR else [part]
        else:
            (parts if after_star is None else after_star).append(part)
    return "".join(parts if after_star is None else [*parts, "[^/]*", *after_star])


def _piece(glob: str, at: int) -> tuple[str, int] | None:
    character = glob[at]
    if character == "*":
        return _stars(glob, at)
    if character == "?":
        return "[^/]", at + 1
    if character == "[":
        match = _CLASS.match(glob, at)
        return (_members(match), match.end()) if match else None
    if character == "\\":
        return (re.escape(glob[at + 1]), at + 2) if at + 1 < len(glob) else None
    return re.escape(character), at + 1


def _stars(glob: str, at: int) -> tuple[str, int]:
    match = _STARS.match(glob, at)
    end = match.end() if match else at + 1
    begins = at == 0 or glob[at - 1] == "/"
    if end - at > 1 and begins:
        if end == len(glob):
            return _INSIDE, end
        if glob[end] == "/":
            return _FOLDERS, end + 1
    return _STAR, end


def _members(match: re.Match[str]) -> str:
    members = []
    for member in _MEMBER.finditer(match["body"]):
        if member["posix"]:
            members.append(_POSIX.get(member["posix"], ""))
            continue
        low = member["low"][-1]
        high = member["high"][-1] if member["high"] else low
        members.append(f"{re.escape(low)}-{re.escape(high)}" if low <= high else re.escape(low))
    inside = "".join(members)
    if match["not"]:
        return f"[^/{inside}]"
    return f"(?!/)[{inside}]" if inside else _NEVER
