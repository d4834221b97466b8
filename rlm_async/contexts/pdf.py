"""The text of a PDF, page by page, read by pypdf (the extra `pdf`)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from rlm_async.contexts.intake import Intake, Unreadable

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

EXTRA = 'pip install "rlm-async[pdf]"'

# pypdf tells of each flaw that it works around; without a handler, logging would print that to stderr.
logging.getLogger("pypdf").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Pages:
    """The text of a PDF, and a line about pages without any."""

    text: str
    note: str = ""


def pdf_text(source: BinaryIO, name: str, intake: Intake) -> Pages:
    """All pages, each after a line `[page N]` where there are several; raises Unreadable.

    A page that holds no text is told in the note; a file of such pages only is a scan, and refused.
    """
    reader = _opened(source, name)
    try:
        count = len(reader.pages)
    except Exception as error:  # on broken files pypdf raises whatever its parsers meet
        raise _broken(name) from error
    texts = []
    for number in range(count):
        intake.check()
        text = _page_text(reader, number)
        intake.take(len(text or ""), name)
        texts.append(text)
    if not any(texts):
        pages = "1 page" if count == 1 else f"{count:,} pages"
        fix = "recognise it first (for instance: ocrmypdf in.pdf out.pdf)"
        raise Unreadable(f"{name} has {pages} and no text, so it is a scan: {fix}", "scanned PDF")
    if count == 1:
        return Pages(texts[0] or "")
    text = "\n\n".join(f"[page {number}]\n{text}" for number, text in enumerate(texts, 1) if text)
    return Pages(text, _note([number for number, text in enumerate(texts, 1) if not text]))


def _opened(source: BinaryIO, name: str) -> PdfReader:
    try:
        import pypdf  # noqa: PLC0415 -- an optional extra, and 0.2 s that only readers of PDFs should wait
    except ImportError:
        raise Unreadable(f"{name} is a PDF, and reading it needs: {EXTRA}", f"PDF (needs {EXTRA})") from None
    try:
        reader = pypdf.PdfReader(source, strict=False)
        locked = reader.is_encrypted and not reader.decrypt("")
    except pypdf.errors.DependencyError as error:  # AES needs another package: as good as locked
        raise _locked(name) from error
    except Exception as error:  # on broken files pypdf raises whatever its parsers meet
        raise _broken(name) from error
    if locked:
        raise _locked(name)
    return reader


def _page_text(reader: PdfReader, number: int) -> str | None:
    try:
        page: PageObject = reader.pages[number]
        text = page.extract_text()
    except Exception:  # noqa: BLE001 -- one broken page, of whatever kind, should not lose the others
        return None
    # Fonts without a character map give halves of surrogate pairs, which no UTF-8 can carry.
    return text.encode("utf-8", "replace").decode().strip() or None


def _locked(name: str) -> Unreadable:
    return Unreadable(f"{name} is an encrypted PDF: save a copy without a password", "encrypted PDF")


def _broken(name: str) -> Unreadable:
    return Unreadable(f"{name} is not a sound PDF: open it in a viewer and save it anew", "broken PDF")


def _note(without: list[int]) -> str:
    if not without:
        return ""
    shown = ", ".join(map(str, without[:10])) + (", …" if len(without) > 10 else "")  # noqa: PLR2004 -- as many as a line takes
    return f"no text on {'page' if len(without) == 1 else 'pages'} {shown}"
