"""Word documents are read from their XML, safely."""

from __future__ import annotations

import zipfile

import pytest

from rlm_async.contexts import ReadLimits, load
from rlm_async.errors import ConfigError

SPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'


def paragraph(text, properties=""):
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space='preserve'>{text}</w:t></w:r></w:p>"


def docx(path, body, **parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", f"<w:document {SPACE}><w:body>{body}</w:body></w:document>")
        for name, content in parts.items():
            archive.writestr(f"word/{name}.xml", f"<w:notes {SPACE}>{content}</w:notes>")
    return path


def test_paragraphs_headings_lists_tables_and_notes_are_read(tmp_path):
    cell = "<w:tc>{}</w:tc>".format
    rows = f"<w:tr>{cell(paragraph('Name'))}{cell(paragraph('Age'))}</w:tr><w:tr>{cell(paragraph('Ann'))}{cell(paragraph('34'))}</w:tr>"
    body = (
        paragraph("Contract", '<w:pStyle w:val="Heading1"/>')
        + paragraph("First &amp; <w:tab/>second", "<w:tabs><w:tab/></w:tabs>").replace(
            "<w:tab/>second", "</w:t><w:tab/><w:t>second"
        )
        + paragraph("item", "<w:numPr/>")
        + f"<w:tbl>{rows}</w:tbl>"
        + paragraph("after")
    )
    context = load([docx(tmp_path / "a.docx", body, footnotes=paragraph("a note"))])
    assert context.text == "# Contract\n\nFirst & \tsecond\n- item\nName | Age\nAnn | 34\n\nafter\n\na note"


def test_tracked_changes_are_read_as_accepted(tmp_path):
    body = (
        "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
        "<w:moveFrom><w:r><w:t>old place</w:t></w:r></w:moveFrom>"
        "<mc:AlternateContent><mc:Choice><w:r><w:t> box</w:t></w:r></mc:Choice><mc:Fallback><w:r><w:t> copy</w:t></w:r></mc:Fallback></mc:AlternateContent></w:p>"
    )
    assert load([docx(tmp_path / "a.docx", body)]).text == "new box"


def test_an_entity_bomb_is_refused(tmp_path):
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", f'<!DOCTYPE d [<!ENTITY a "aaaa">]><w:document {SPACE}>&a;</w:document>')
    with pytest.raises(ConfigError, match=r"bomb\.docx is not a sound Word document"):
        load([path])


def test_a_zip_bomb_is_stopped_by_the_limit(tmp_path):
    path = docx(tmp_path / "big.docx", paragraph("x" * 5_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(ConfigError, match=r"big\.docx takes the input over the limit of 1\.0 MB"):
        load([path], limits=ReadLimits(total_bytes=1_000_000))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.xlsx", r"a\.xlsx is an Excel workbook: save its sheets as CSV"),
        ("a.pptx", r"a\.pptx is a PowerPoint file: save it as PDF"),
        ("a.zip", r"a\.zip is a ZIP archive: unpack it"),
    ],
)
def test_other_zip_files_are_named_with_the_way_to_text(tmp_path, name, said):
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("content.xml", "<a/>")
    with pytest.raises(ConfigError, match=said):
        load([tmp_path / name])


def test_a_cut_off_document_is_one_clear_error(tmp_path):
    path = docx(tmp_path / "a.docx", paragraph("text " * 500))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ConfigError, match=r"a\.docx is not a sound Word document"):
        load([path])
