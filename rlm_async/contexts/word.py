"""The text of a Word document (.docx): a ZIP file with WordprocessingML inside (ECMA-376, part 1).

Paragraphs are lines, headings are marked like Markdown, list items by `- `, cells of a table row are joined by
` | `; notes follow the body. Deleted text of tracked changes is left out, inserted text is kept.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO
from xml.parsers import expat

from rlm_async.contexts.intake import CHUNK, Intake, Unreadable
from rlm_async.contexts.kinds import ARCHIVE, ZIPPED

BODY = "word/document.xml"
PARTS = (BODY, "word/footnotes.xml", "word/endnotes.xml")

_SPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main "
_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main "
_MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math "
_TWICE = frozenset({"moveFrom", "http://schemas.openxmlformats.org/markup-compatibility/2006 Fallback"})
"""Elements whose text stands elsewhere, too: the old place of a move, the copy for older programs."""
_HEADING = re.compile(r"heading ?([1-6])$", re.IGNORECASE)


class _Forbidden(Exception):
    """The XML declares a document type, which no Word file does and which entity bombs need."""


def word_text(source: BinaryIO, name: str, intake: Intake) -> str:
    """The text of a .docx; raises Unreadable for any other ZIP file and for a broken one."""
    try:
        with zipfile.ZipFile(source) as archive:
            names = set(archive.namelist())
            if BODY not in names:
                raise _other(name)
            texts = [_part(archive, part, name, intake) for part in PARTS if part in names]
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, _Forbidden, NotImplementedError, EOFError) as error:
        raise Unreadable(f"{name} is not a sound Word document: save it anew", "broken Word document") from error
    except RuntimeError as error:  # zipfile's word for "is encrypted"
        raise Unreadable(f"{name} is encrypted: save a copy without a password", "encrypted file") from error
    return "\n\n".join(text for text in texts if text)


def _part(archive: zipfile.ZipFile, part: str, name: str, intake: Intake) -> str:
    # The declared size may lie, so what is really unpacked is counted.
    reader = _Reader()
    with archive.open(part) as source:
        while piece := source.read(CHUNK):
            intake.check()
            intake.take(len(piece), name)
            reader.feed(piece)
    return reader.close()


def _other(name: str) -> Unreadable:
    ending = "." + name.rpartition(".")[2].lower()
    what, fix = ZIPPED.get(ending, ARCHIVE)
    return Unreadable(f"{name} is {what}: {fix}", "binary")


class _Reader:
    """Collects the text of one part while expat walks through it; keeps no tree."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data
        self._parser.StartDoctypeDeclHandler = _refuse
        self._lines: list[str] = []
        self._line: list[str] = []
        self._rows: list[list[str]] = []
        self._cells: list[list[str]] = []
        self._mark = ""
        self._in_text = False
        self._skipped = 0
        self._begins: dict[str, Callable[[dict[str, str]], None]] = {
            "t": lambda _: self._set_text(inside=True),
            "tab": lambda _: self._line.append("\t"),
            "br": lambda _: self._line.append("\n"),
            "cr": lambda _: self._line.append("\n"),
            "noBreakHyphen": lambda _: self._line.append("-"),
            "pStyle": self._style,
            "numPr": lambda _: self._list_item(),
            "tr": lambda _: self._rows.append([]),
            "tc": lambda _: self._cells.append([]),
        }
        self._ends: dict[str, Callable[[], None]] = {
            "t": lambda: self._set_text(inside=False),
            "p": self._end_paragraph,
            "tc": self._end_cell,
            "tr": self._end_row,
            "tbl": lambda: self._place(""),
        }

    def feed(self, piece: bytes) -> None:
        self._parser.Parse(piece)

    def close(self) -> str:
        self._parser.Parse(b"", True)  # noqa: FBT003 -- expat takes the flag by position only
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip("\n")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        local = _local(tag)
        self._skipped += local in _TWICE
        begin = self._begins.get(local)
        if begin and not self._skipped:
            begin(attributes)

    def _end(self, tag: str) -> None:
        local = _local(tag)
        end = self._ends.get(local)
        if end and not self._skipped:
            end()
        self._skipped -= local in _TWICE

    def _data(self, text: str) -> None:
        if self._in_text:
            self._line.append(text)

    def _set_text(self, *, inside: bool) -> None:
        self._in_text = inside

    def _style(self, attributes: dict[str, str]) -> None:
        style = next((value for key, value in attributes.items() if _local(key) == "val"), "")
        match = _HEADING.match(style)
        self._mark = "#" * int(match[1]) + " " if match else "# " if style == "Title" else self._mark

    def _list_item(self) -> None:
        self._mark = self._mark or "- "

    def _end_paragraph(self) -> None:
        text = "".join(self._line).strip()
        heading = self._mark.startswith("#")
        self._place(f"{self._mark}{text}" if text else "")
        if heading and text:
            self._place("")
        self._line.clear()
        self._mark = ""

    def _end_cell(self) -> None:
        lines = self._cells.pop() if self._cells else []
        if self._rows:
            self._rows[-1].append(" ".join(line for line in lines if line).replace("\n", " "))

    def _end_row(self) -> None:
        cells = self._rows.pop() if self._rows else []
        self._place(" | ".join(cells).rstrip())

    def _place(self, line: str) -> None:
        """To the innermost cell; a row of a nested table becomes a part of its cell."""
        (self._cells[-1] if self._cells else self._lines).append(line)


def _local(tag: str) -> str:
    return tag.removeprefix(_SPACE).removeprefix(_STRICT).removeprefix(_MATH)


def _refuse(*_: object) -> None:
    raise _Forbidden
