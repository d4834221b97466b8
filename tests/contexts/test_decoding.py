"""Bytes become text, or are called binary; nothing else ever happens."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rlm_async.contexts import ReadLimits, Unreadable
from rlm_async.contexts import intake as intakes
from rlm_async.contexts.decoding import Undecodable, decode
from rlm_async.contexts.reading import read
from tests.contexts.passages import CHINESE, GERMAN, RUSSIAN


def decoded(data, size=1 << 20):
    return decode(lambda: (data[i : i + size] for i in range(0, len(data), size)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_with_and_without_a_mark_is_read_exactly(encoding):
    result = decoded(CHINESE.encode(encoding))
    assert (result.text, result.note) == (CHINESE, "")


@pytest.mark.parametrize(("mark", "encoding"), [(b"\xfe\xff", "utf-16-be"), (b"\x00\x00\xfe\xff", "utf-32-be")])
def test_big_endian_marks_are_known(mark, encoding):
    assert decoded(mark + "Grüße".encode(encoding)).text == "Grüße"


def test_windows_text_is_read_with_a_remark():
    result = decoded("“Grüße” — 5 €\r\n".encode("cp1252") + b"\x81")
    assert result.text == "“Grüße” — 5 €\n\x81"
    assert "Windows-1252" in result.note


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="windows-1251">', "windows-1251"),
        ('<?xml version="1.0" encoding="koi8-r"?>', "koi8-r"),
        ("# -*- coding: iso-8859-5 -*-", "iso-8859-5"),
    ],
)
def test_a_declared_encoding_is_believed_where_utf8_fails(head, encoding):
    text = head + RUSSIAN
    assert decoded(text.encode(encoding)).text == text


@pytest.mark.parametrize("declared", ["rot13", "base64", "zlib", "unicode_escape", "idna", "iso-8859-99", "nonsense"])
def test_a_declared_codec_that_is_no_encoding_is_not_believed(declared):
    assert "Windows-1252" in decoded(f"coding: {declared} Grüße".encode("latin-1")).note


def test_utf8_with_a_few_broken_places_stays_utf8():
    result = decoded(RUSSIAN.encode() + b"\xff" + GERMAN.encode() + b"\xd0")
    assert result.text == RUSSIAN + "\ufffd" + GERMAN + "\ufffd"
    assert result.note == "2 invalid places in its UTF-8 were replaced by U+FFFD"


def test_line_ends_of_all_systems_become_newlines_also_across_chunks():
    for size in (1, 2, 3, 100):
        assert decoded(b"a\r\nb\rc\nd\r", size).text == "a\nb\nc\nd\n"


def test_characters_across_chunks_are_whole():
    assert decoded(CHINESE.encode(), 5).text == CHINESE
    assert decoded(CHINESE.encode("utf-16"), 5).text == CHINESE


@pytest.mark.parametrize(
    "data",
    [
        b"abc\0def",
        b"\xff\xfea",
        b"\xff\xfe\x00\xd8a\x00",
        bytes(range(256)) * 9,
        b"\x80\x01\x02\x03" * 50,
        b"\xe9" * 9000 + b"\0",
    ],
)
def test_binary_data_is_called_binary(data):
    with pytest.raises(Undecodable):
        decoded(data)


@given(st.binary(max_size=200), st.integers(1, 50))
@example(b"\xff\xfe\x00\x00\x00\xd8\x00\x00", 1)
@example(b"\xef\xbb\xbf\xff", 2)
def test_any_bytes_either_decode_or_are_undecodable(data, size):
    try:
        result = decoded(data, size)
    except Undecodable:
        return
    result.text.encode()  # no lone surrogates
    assert result == decoded(data)


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff\r")),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_text_survives_being_written_and_read(text, encoding):
    assert decoded(text.encode(encoding)).text == text


HEADS = [
    b"",
    b"%PDF-1.4\n",
    b"PK\x03\x04",
    b"<html>",
    b"\xff\xfe",
    b"\x89PNG\r\n\x1a\n",
    b"<![foo",
    b"<!DOCTYPE html><!--",
]


@given(st.sampled_from(HEADS), st.binary(max_size=300), st.sampled_from(["", "a.html", "a.pdf", "a.docx", "a.txt"]))
def test_any_file_either_gives_text_or_one_clear_error(head, body, name):
    try:
        reading = read(io.BytesIO(head + body), name, intakes.Intake(ReadLimits()), size=0)
    except Unreadable as error:
        assert name in str(error)
        assert "\n" not in str(error)
        return
    assert reading.text.strip()
    reading.text.encode()
