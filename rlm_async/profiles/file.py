"""A profile as a file that can be read, compared and passed on: words, rules and worked examples, no code of ours.

TOML, in a fixed order, each rule and each cell on lines of its own, so that `diff` tells two versions apart. What runs
(functions, a preparation) is not in the file: an installed profile brings it, named as `base`.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rlm_async.core.profile import Demonstration, Profile
from rlm_async.errors import ConfigError

FORMAT = 1
SUFFIX = ".toml"
MARK = "#"
"""Stands between the path and the digest in the name by which a trace tells which version of a file was used."""

Fact = str | int | float | bool
_HEAD = "# A profile for rlm-async: use it with --profile FILE, or RLM(profile='FILE').\n"
_KEYS = frozenset({"format", "name", "about", "base", "advice", "rules", "demonstrations", "learned"})
_LITERAL = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFile:
    """What a file holds. Texts have no line breaks at their ends."""

    name: str
    about: str
    base: str = ""
    """The installed profile that this one adds to; empty for none."""
    advice: str = ""
    rules: tuple[str, ...] = ()
    demonstrations: tuple[Demonstration, ...] = ()
    learned: Mapping[str, Fact] = field(default_factory=dict)
    """Where it comes from and what it was measured to be worth. For people: nothing here reads it."""

    @classmethod
    def read(cls, text: str, source: str) -> ProfileFile:
        """The file of a text; raises ConfigError, which names `source` and the key at fault."""
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"the profile {source} is not TOML: {error}") from error
        return _read(table, source)

    def written(self) -> str:
        """The text of the file; `read` gives an equal value for it."""
        parts = [_HEAD, f"format = {FORMAT}\n"]
        parts += [f"{key} = {_string(getattr(self, key))}\n" for key in ("name", "about", "base") if getattr(self, key)]
        if self.advice:
            parts.append(f"advice = {_block(self.advice)}\n")
        if self.rules:
            parts.append("rules = [\n" + "".join(f"    {_string(rule)},\n" for rule in self.rules) + "]\n")
        for one in self.demonstrations:
            parts.append(f"\n[[demonstrations]]\nquestion = {_block(one.question)}\ncells = [\n")
            parts += [f"{_block(cell)},\n" for cell in one.cells]
            parts.append("]\n")
        if self.learned:
            parts.append("\n[learned]\n" + "".join(f"{key} = {_fact(fact)}\n" for key, fact in self.learned.items()))
        return "".join(parts)

    def over(self, base: Profile, name: str) -> Profile:
        """The profile that a run uses: what `base` brings, and after it what the file says."""
        return replace(
            base,
            name=name,
            about=self.about or base.about,
            advice="\n".join(part for part in (base.advice, self.advice) if part),
            rules=(*base.rules, *self.rules),
            demonstrations=(*base.demonstrations, *self.demonstrations),
        )


def is_file(name: str) -> bool:
    """Whether the name of a profile is the path of a file."""
    return name.partition(MARK)[0].endswith(SUFFIX)


def read_file(name: str) -> tuple[ProfileFile, str]:
    """The file at a path, and the path with its digest, which a later run may be given to be sure of the same.

    Raises ConfigError.
    """
    path, _, wanted = name.partition(MARK)
    try:
        raw = Path(path).read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read the profile {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the profile {path} is not UTF-8") from error
    digest = hashlib.blake2b(raw, digest_size=4).hexdigest()
    if wanted and wanted != digest:
        raise ConfigError(f"the profile {path} has changed ({digest}) since it was used as {wanted}")
    return ProfileFile.read(text, path), f"{path}{MARK}{digest}"


def _read(table: Mapping[str, object], source: str) -> ProfileFile:
    if table.get("format") != FORMAT:
        raise ConfigError(f"the profile {source} has format {table.get('format')!r}; this version reads {FORMAT}")
    if unknown := sorted(set(table) - _KEYS):
        raise ConfigError(
            f"the profile {source} has an unknown key {unknown[0]!r}; keys are {', '.join(sorted(_KEYS))}"
        )
    texts = {key: _text(table.get(key, ""), source, key) for key in ("name", "about", "base", "advice")}
    if not texts["name"] or not texts["about"]:
        raise ConfigError(f"the profile {source} needs `name` and `about`, one line each")
    learned = _mapping(table.get("learned", {}), source, "learned")
    return ProfileFile(
        **texts,
        rules=_texts(table.get("rules", []), source, "rules"),
        demonstrations=tuple(_demonstration(one, source) for one in _list(table.get("demonstrations", []), source)),
        learned={key: fact for key, fact in learned.items() if isinstance(fact, Fact)},
    )


def _demonstration(value: object, source: str) -> Demonstration:
    table = _mapping(value, source, "demonstrations")
    cells = _texts(table.get("cells", []), source, "cells")
    question = _text(table.get("question", ""), source, "question")
    if not question or not cells:
        raise ConfigError(f"the profile {source}: each of [[demonstrations]] needs `question` and `cells`")
    return Demonstration(question=question, cells=cells)


def _mapping(value: object, source: str, key: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ConfigError(f"the profile {source}: {key} is a table, not {value!r:.60}")
    return value


def _list(value: object, source: str) -> Sequence[object]:
    if not isinstance(value, list):
        raise ConfigError(f"the profile {source}: [[demonstrations]] are tables, not {value!r:.60}")
    return value


def _texts(value: object, source: str, key: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"the profile {source}: {key} is a list of texts, not {value!r:.60}")
    return tuple(_text(one, source, key) for one in value)


def _text(value: object, source: str, key: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"the profile {source}: {key} is text, not {value!r:.60}")
    return value.strip("\n")


def _block(text: str) -> str:
    """A text on lines of its own, as it is where TOML allows that."""
    if "'''" in text or not _LITERAL.fullmatch(text):
        return _string(text)
    return f"'''\n{text}\n'''"


def _string(text: str) -> str:
    """A text on one line, with what TOML wants escaped."""
    marks = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
    return '"' + "".join(marks.get(one) or (one if one.isprintable() else f"\\U{ord(one):08x}") for one in text) + '"'


def _fact(fact: Fact) -> str:
    if isinstance(fact, bool):
        return str(fact).lower()
    return _string(fact) if isinstance(fact, str) else repr(fact)
