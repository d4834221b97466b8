"""What a model's reply holds: code to run, an answer written in prose, and the rest.

Total: any string at all is parsed, nothing is raised, and time is linear in its length. Code is never
compiled here, since the host does not touch what a model wrote (design: security, layer 1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

CODE_TAGS = frozenset({"repl", "python", "py", "python3"})
PLAIN_TAGS = frozenset({"", "text", "txt", "plaintext"})
"""Fences in which models put plain words: an answer protocol there counts like one in prose."""

_BARE = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*$")
_OPENING = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*+(?P<info>[^`]*)$")
_INLINE_OPENING = re.compile(r"(?<!`)(?P<fence>`{3,})[ \t]*(?P<info>repl|python3?|py)[ \t]*$")
_TAG = re.compile(r"^[{.\s]*([A-Za-z0-9_+-]*)")
_THINK = re.compile(r"^\s*<(?P<tag>think|thinking|reasoning)>")
_ORPHAN = re.compile(r"^[ \t]*</(?:think|thinking|reasoning)>", re.MULTILINE)
_FINAL = re.compile(r"^[ \t>*`]*(?P<name>FINAL_VAR|FINAL)\((?P<rest>.*)", re.MULTILINE | re.DOTALL)
_LINE_END = re.compile(r"\)(?=[ \t.*`]*(?:\n|\Z))")
_IDENTIFIER = re.compile(r"^[^\W\d]\w{0,99}$")
_STRING_TOKEN = re.compile(r"\"\"\"|'''|\"|'|#|\\.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Final:
    """An answer given in prose: `FINAL(text)`, or with `variable` the name of where it is."""

    text: str
    variable: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """A reply taken apart. `final` is set only where there is no code: code, if any, is all that counts."""

    blocks: tuple[str, ...] = ()
    """Pieces of code, in order, with `\\n` newlines."""
    prose: str = ""
    """What is neither code nor reasoning, without other fences' marks."""
    final: Final | None = None
    invented: bool = False
    """There is code, and beside it what looks like its output or an answer: to be ignored."""


def parse(reply: str) -> Parsed:
    """Take a reply apart."""
    reader = _Reader(_normalised(reply))
    reader.read()
    prose = "\n".join(reader.prose).strip()
    final = _final(prose)
    if not reader.blocks:
        return Parsed((), prose, final)
    return Parsed(tuple(reader.blocks), prose, None, final is not None or reader.fenced_prose)


def spoken(reply: str) -> str:
    """A reply without its reasoning: what the model said. Fences stay."""
    text = _normalised(reply)
    while opened := _THINK.match(text):
        closing = f"</{opened['tag']}>"
        end = text.find(closing)
        text = "" if end < 0 else text[end + len(closing) :]
    return text.strip()


def identifier(text: str) -> bool:
    """Whether `text` could be the name of a variable."""
    return _IDENTIFIER.match(text) is not None


def _normalised(reply: str) -> str:
    text = reply.replace("\r\n", "\n").replace("\r", "\n")
    if _THINK.match(text):
        return text
    # Some chat templates open the reasoning themselves, so that only its end is in the reply.
    orphan = None
    for orphan in _ORPHAN.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    return text[orphan.end() :] if orphan else text


@dataclass(slots=True)
class _Reader:
    """Walks over the lines of a reply once."""

    text: str
    blocks: list[str] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    fenced_prose: bool = False
    lines: list[str] = field(init=False)
    at: int = 0
    trusting: bool = True
    """Quotes are believed to be balanced; given up after the first block in which they are not."""

    def __post_init__(self) -> None:
        """Split into lines."""
        self.lines = self.text.split("\n")

    def read(self) -> None:
        """Sort every line into code, prose or neither."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if thought := _THINK.match(line):
                self._skip_thought(thought["tag"])
            elif opening := _OPENING.match(line):
                self.at += 1
                self._take(opening["fence"], _tag(opening["info"]), len(opening["indent"]))
            elif opening := _INLINE_OPENING.search(line):
                self.prose.append(line[: opening.start()])
                self.at += 1
                self._take(opening["fence"], opening["info"], 0)
            else:
                self.prose.append(line)
                self.at += 1

    def _skip_thought(self, tag: str) -> None:
        closing = f"</{tag}>"
        while self.at < len(self.lines):
            _, found, rest = self.lines[self.at].partition(closing)
            if found:
                self.lines[self.at] = rest
                return
            self.at += 1

    def _take(self, fence: str, tag: str, indent: int) -> None:
        start = self.at
        code = tag in CODE_TAGS
        end = self._code_end(fence) if code else self._plain_end(fence)
        body = [_dedented(line, indent) for line in self.lines[start:end]]
        closed = end < len(self.lines) and _closes(self.lines[end], fence)
        self.at = end + 1 if closed else end
        if code:
            if text := "\n".join(body).strip("\n"):
                self.blocks.append(text)
            return
        self.fenced_prose = self.fenced_prose or any(line.strip() for line in body)
        if tag in PLAIN_TAGS:
            self.prose.extend(body)

    def _plain_end(self, fence: str) -> int:
        for i in range(self.at, len(self.lines)):
            if _closes(self.lines[i], fence):
                return i
        return len(self.lines)

    def _code_end(self, fence: str) -> int:
        """Where the code that begins here ends: a fence inside one of its triple-quoted strings is no end."""
        first = None
        quote = ""
        for i in range(self.at, len(self.lines)):
            line = self.lines[i]
            if _closes(line, fence):
                if not quote or not self.trusting:
                    return i
                first = i if first is None else first
            elif not quote and _opens(line, fence):
                return i  # the closing fence was forgotten: Python has no such line
            quote = _quote_after(line, quote)
        if first is None:
            return len(self.lines)
        self.trusting = False
        return first


def _closes(line: str, fence: str) -> bool:
    bare = _BARE.match(line)
    return bare is not None and bare["fence"][0] == fence[0] and len(bare["fence"]) >= len(fence)


def _opens(line: str, fence: str) -> bool:
    opening = _OPENING.match(line)
    return opening is not None and opening["fence"].startswith(fence) and bool(opening["info"].strip())


def _quote_after(line: str, quote: str) -> str:
    """The triple quote that is open after `line`, given the one open before it, or nothing."""
    at = 0
    while token := _STRING_TOKEN.search(line, at):
        mark, at = token[0], token.end()
        if quote:
            quote = "" if mark == quote else quote
        elif len(mark) == 3:  # noqa: PLR2004 - a triple quote
            quote = mark
        elif mark == "#":
            return ""
        elif mark in "\"'":
            at = _string_end(line, at, mark)
    return quote


def _string_end(line: str, at: int, mark: str) -> int:
    while at < len(line):
        if line[at] == "\\":
            at += 1
        elif line[at] == mark:
            return at + 1
        at += 1
    return len(line)


def _tag(info: str) -> str:
    found = _TAG.match(info.strip())
    return found[1].lower() if found else ""


def _dedented(line: str, indent: int) -> str:
    blank = len(line) - len(line.lstrip(" \t"))
    return line[min(indent, blank) :]


def _final(prose: str) -> Final | None:
    found = _FINAL.search(prose)
    if not found:
        return None
    text = _inside(found["rest"]).strip()
    if found["name"] == "FINAL":
        return Final(_unquoted(text))
    name = text.strip("\"'` ")
    return Final(name, variable=True) if identifier(name) else None


def _inside(rest: str) -> str:
    """What stands in a call's parentheses, `rest` being all after the opening one."""
    last = None
    depth, at = 1, 0
    for closing in _LINE_END.finditer(rest):
        last = closing.start()
        depth += rest.count("(", at, last) - rest.count(")", at, last)
        at = last + 1
        depth -= 1
        if depth <= 0:
            return rest[:last]
    return rest if last is None else rest[:last]


def _unquoted(text: str) -> str:
    for mark in ('"""', "'''", '"', "'"):
        if text.startswith(mark) and text.endswith(mark) and len(text) >= 2 * len(mark):
            inner = text[len(mark) : -len(mark)]
            return text if mark in inner else inner
    return text
