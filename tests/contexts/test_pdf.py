"""PDFs are read page by page; those that cannot be say why."""

from __future__ import annotations

import builtins
import logging

import pytest

from rlm_async.contexts import load
from rlm_async.errors import ConfigError

pypdf = pytest.importorskip("pypdf")


def pdf(*pages):
    """A minimal PDF with one line of Helvetica a page; None draws a box instead."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, text in enumerate(pages):
        draw = "10 10 50 50 re f" if text is None else f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * n} 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(draw)} >>\nstream\n{draw}\nendstream")
    body, offsets = "%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{item}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return (f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}").encode()


def written(folder, data, name="file.pdf"):
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_single_page_is_its_text(tmp_path):
    context = load([written(tmp_path, pdf("Hello from a page"))])
    assert (context.shape, context.text) == ("text", "Hello from a page")


def test_pages_are_numbered(tmp_path):
    assert load([written(tmp_path, pdf("first", "second"))]).text == "[page 1]\nfirst\n\n[page 2]\nsecond"


def test_a_pdf_is_known_by_its_content_whatever_its_name(tmp_path):
    assert load([written(tmp_path, pdf("inside"), "file.txt")]).text == "inside"


def test_pages_without_text_are_told(tmp_path):
    context = load([written(tmp_path, pdf("one", None, "three", None))])
    assert context.notes == ("file.pdf: no text on pages 2, 4",)
    assert "[page 3]\nthree" in context.text


def test_a_scan_is_named_and_told_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match=r"file\.pdf has 2 pages and no text, so it is a scan: .*ocrmypdf"):
        load([written(tmp_path, pdf(None, None))])


def test_an_encrypted_pdf_is_named(tmp_path):
    writer = pypdf.PdfWriter()
    writer.append(written(tmp_path, pdf("secret"), "plain.pdf"))
    writer.encrypt("word", algorithm="RC4-128")
    writer.write(tmp_path / "locked.pdf")
    with pytest.raises(ConfigError, match=r"locked\.pdf is an encrypted PDF: save a copy without a password"):
        load([tmp_path / "locked.pdf"])


@pytest.mark.parametrize("data", [b"%PDF-1.4\nnothing", pdf("x")[:200], b"%PDF-1.7\n" + b"\xff" * 5000])
def test_a_broken_pdf_is_one_clear_error_and_silent(tmp_path, data, caplog, capfd):
    with pytest.raises(ConfigError, match=r"file\.pdf (is not a sound PDF|has)"):
        load([written(tmp_path, data)])
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("pypdf").handlers


def test_without_the_extra_the_error_names_it_and_a_folder_leaves_pdfs_out(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "pypdf":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    written(tmp_path, pdf("x"))
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(ConfigError, match=r'file\.pdf is a PDF.*pip install "rlm-async\[pdf\]"'):
        load([tmp_path / "file.pdf"])
    context = load([tmp_path])
    assert [document.name for document in context] == ["a.txt"]
    assert context.notes == ('left out, PDF (needs pip install "rlm-async[pdf]"): 1 (file.pdf)',)
