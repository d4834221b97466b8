"""The readable text of an HTML page: what a person would see, one block a line.

Headings and list items are marked like Markdown, cells of a table row are joined by ` | `, entities are
characters; scripts, styles and drawings are left out. Built on the standard library's tokenizer, which
takes any input: for this a page needs no valid structure, only the order of its tags.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_SILENT = frozenset({"script", "style", "template", "svg"})
_LISTS = frozenset({"ul", "ol"})
_LINES = (
    "address", "aside", "body", "br", "caption", "center", "dd", "details", "dialog", "dir", "div", "dt",
    "fieldset", "figcaption", "footer", "form", "frameset", "head", "header", "hr", "html", "legend", "li", "main",
    "menu", "nav", "optgroup", "option", "search", "summary", "tbody", "tfoot", "thead", "tr",
)  # fmt: skip
_PARAGRAPHS = (
    "article", "blockquote", "dl", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "section", "table",
    "title", "ul",
)  # fmt: skip
_BREAKS = dict.fromkeys(_LINES, 1) | dict.fromkeys(_PARAGRAPHS, 2)
"""What begins and ends with a tag: 1 a line, 2 a paragraph, with an empty line around it."""
_MARKS = {"li": "- ", "h1": "# ", "h2": "## ", "h3": "### ", "h4": "#### ", "h5": "##### ", "h6": "###### "}
_BLANK = re.compile(r"[ \t\n\r\f]+")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_SECTION = re.compile(r"<!\[[^>]*>?")


def page_text(page: str) -> str:
    """The text of a page; of an empty or wholly scripted page, an empty string."""
    # Marked sections (Word writes them) make the tokenizer of some Python versions fail an assertion.
    plain = _SECTION.sub("", _CDATA.sub(lambda match: html.escape(match[1]), page)) if "<![" in page else page
    reader = _Page()
    reader.feed(plain)
    reader.close()
    return reader.text()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._mark = ""  # of the heading or list item that the line is
        self._line: list[str] = []
        self._worded = False  # the line holds something to read
        self._wanted = 0  # a break before the next word: 1 a new line, 2 an empty line too
        self._cells = 0  # cells begun in this row
        self._fresh = False  # the cell has no words yet, so that a paragraph in it goes on with the row's line
        self._lists = 0  # open lists
        self._exact = 0  # open pre
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
        elif self._silent:
            return
        elif tag in {"td", "th"}:
            self._begin_cell()
        elif tag == "tr":
            self._fresh = False
            self._want_break("tr")
            self._break()
            self._cells = 0
        elif tag == "img":
            self._write(next((f" {text} " for name, text in attrs if name == "alt" and text), ""))
        else:
            self._begin_block(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _SILENT:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT or tag == "body":
            place = self._silent.index(tag) if tag in self._silent else 0 if tag == "body" else len(self._silent)
            del self._silent[place:]
        elif self._silent:
            return
        elif tag in _MARKS and not self._worded:
            self._mark = ""
        elif tag == "pre" and self._exact:
            self._end_line(keep=True)
            self._exact -= 1
            self._lines.append("")
        elif tag in _LISTS:
            self._lists = max(0, self._lists - 1)
        elif tag in {"td", "th", "tr", "table"}:
            self._fresh = False
        self._want_break(tag)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if not self._exact:
            self._write(_BLANK.sub(" ", data))
            return
        for number, line in enumerate(data.split("\n")):
            if number and (self._line or self._lines):
                self._end_line(keep=True)
            self._write(line)

    def text(self) -> str:
        """What was read so far, paragraphs apart by one empty line."""
        self._end_line()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip("\n")

    def _begin_cell(self) -> None:
        if self._cells:
            self._wanted = 0  # the end of a paragraph inside a cell does not end the row
            self._line.append(" | ")
            self._fresh = True
        self._cells += 1

    def _begin_block(self, tag: str) -> None:
        self._want_break(tag)
        if tag == "pre":
            self._break()
            self._exact += 1
        self._lists += tag in _LISTS
        if tag in _MARKS:
            self._break()
            self._line.clear()
            self._mark = "  " * (self._lists - 1) * (tag == "li") + _MARKS[tag]
            self._worded = False

    def _want_break(self, tag: str) -> None:
        if self._worded and tag in _BREAKS and not self._fresh:
            # Lists are not loosened by the paragraphs and lists inside them.
            self._wanted = max(self._wanted, 1 if self._lists else _BREAKS[tag])

    def _write(self, text: str) -> None:
        if not text.strip():
            if self._exact or self._worded:
                self._line.append(text)
            return
        self._break()
        self._line.append(text)
        self._worded = True
        self._fresh = False

    def _break(self) -> None:
        """Carry out the break that was wanted."""
        if self._wanted:
            empty = self._wanted > 1
            self._end_line()
            self._lines += [""] if empty else []

    def _end_line(self, *, keep: bool = False) -> None:
        line = "".join(self._line)
        if self._exact or keep:
            self._lines.append(line.rstrip())
        elif self._worded:
            self._lines.append(self._mark + re.sub(" {2,}", " ", line).strip())
        self._line.clear()
        self._mark = ""
        self._worded = False
        self._wanted = 0
