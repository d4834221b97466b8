"""What a caller names becomes a context, or one clear error."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_async.contexts import ReadLimits, load
from rlm_async.errors import ConfigError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b.md", "sub/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"text of {name}\n")
    return tmp_path


def names(context):
    return [document.name for document in context]


def test_one_file_is_a_text(folder):
    context = load(["a.txt"])
    assert (context.shape, context.text, names(context), context.notes) == ("text", "text of a.txt\n", ["a.txt"], ())


def test_several_files_are_a_corpus_in_the_order_they_were_named(folder):
    context = load(["sub/c.txt", folder / "a.txt"])
    assert (context.shape, names(context)) == ("corpus", ["sub/c.txt", "a.txt"])


def test_a_folder_is_a_corpus_even_with_one_file(folder):
    context = load([folder / "sub"])
    assert (context.shape, names(context)) == ("corpus", ["c.txt"])


def test_a_folder_among_others_keeps_its_name(folder):
    assert names(load(["sub", "a.txt"])) == ["sub/c.txt", "a.txt"]


def test_names_do_not_depend_on_where_the_process_stands(folder, monkeypatch):
    here = load(["a.txt", "sub"])
    monkeypatch.chdir("/")
    there = load([folder / "a.txt", folder / "sub"])
    assert here.digest == there.digest


def test_a_path_alone_is_taken_for_a_list_of_one(folder):
    assert load("a.txt") == load(["a.txt"]) == load(folder / "a.txt")


def test_a_file_named_twice_or_held_by_a_named_folder_is_read_once(folder):
    (folder / "link.txt").symlink_to("a.txt")
    assert names(load(["a.txt", "./a.txt", folder / "a.txt", "link.txt"])) == ["a.txt"]
    assert load(["a.txt", "./a.txt"]).shape == "text"
    assert names(load(["sub/c.txt", "."])) == ["sub/c.txt", "a.txt", "b.md"]


def test_quoted_patterns_are_expanded_like_a_shell_would(folder):
    assert names(load(["*.txt"])) == ["a.txt"]
    assert names(load(["**/*.txt"])) == ["a.txt", "sub/c.txt"]
    assert names(load([str(folder / "[ab].*")])) == ["a.txt", "b.md"]
    assert names(load(["s*"])) == ["c.txt"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder):
    (folder / "what?[1].txt").write_text("odd")
    assert load(["what?[1].txt"]).text == "odd"


def test_what_a_pattern_finds_may_be_left_out(folder):
    (folder / "x.bin").write_bytes(b"\0")
    context = load(["*"])
    assert names(context) == ["a.txt", "b.md", "sub/c.txt"]
    assert context.notes == ("left out, binary: 1 (x.bin)",)


def test_the_home_folder_is_expanded(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert load(["~/a.txt"]).text == "text of a.txt\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", json.dumps({"a": [1, 2]})),
        ("a.jsonl", '{"a": 1}\n{"a": 2}\n'),
        ("a.csv", 'x,y\n1,"two, three"\n'),
        ("a.tsv", "x\ty\n"),
        ("a.md", "# T\n"),
        ("Makefile", "all:\n\ttrue\n"),
    ],
)
def test_data_and_source_are_kept_as_they_are(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert load([tmp_path / name]).text == text


def test_encodings_are_told_apart(tmp_path):
    (tmp_path / "a.txt").write_bytes("Grüße\r\n".encode("utf-16"))
    (tmp_path / "b.txt").write_bytes("Grüße".encode("latin-1"))
    context = load([tmp_path])
    assert [document.text for document in context] == ["Grüße\n", "Grüße"]
    assert context.notes == ("b.txt: not UTF-8: read as Windows-1252 (convert it if that is wrong)",)


def test_remarks_on_many_files_are_counted(tmp_path):
    for number in range(50):
        (tmp_path / f"{number:02}.txt").write_bytes(b"\xe9")
    notes = load([tmp_path]).notes
    assert len(notes) == 21
    assert notes[-1] == "and 30 more files with remarks like these"


class TestStandardInput:
    def test_a_dash_is_standard_input(self):
        context = load(["-"], stdin=io.BytesIO("Grüße".encode()))
        assert (context.shape, context.text, names(context)) == ("text", "Grüße", ["<stdin>"])

    def test_it_may_be_one_of_several(self, folder):
        assert names(load(["a.txt", "-", "-"], stdin=io.BytesIO(b"x"))) == ["a.txt", "<stdin>"]

    def test_pages_are_read_from_it_too(self):
        assert load(["-"], stdin=io.BytesIO(b"<!DOCTYPE html><p>Hello</p>")).text == "Hello"

    def test_a_pipe_is_read_to_its_end(self):
        reader, writer = os.pipe()
        os.write(writer, b"from a pipe")
        os.close(writer)
        with os.fdopen(reader, "rb") as stdin:
            assert load(["-"], stdin=stdin).text == "from a pipe"

    def test_the_process_own_one_is_the_default(self, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"own")))
        assert load(["-"]).text == "own"

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"", "standard input is empty"),
            (b"\0\1", "standard input is a binary file"),
            (b"x" * 99, r"standard input takes the input over the limit of 50 bytes"),
        ],
    )
    def test_what_cannot_be_read_is_an_error(self, data, said):
        with pytest.raises(ConfigError, match=said):
            load(["-"], stdin=io.BytesIO(data), limits=ReadLimits(total_bytes=50))

    def test_a_process_without_one_is_told(self, monkeypatch):
        monkeypatch.setattr(sys, "stdin", None)
        with pytest.raises(ConfigError, match="this process has no standard input"):
            load(["-"])


class TestErrors:
    @pytest.mark.parametrize(
        ("paths", "said"),
        [
            (["nope.txt"], r"^nope\.txt does not exist in /.*$"),
            (["no/such/file.txt"], r"^no/such/file\.txt does not exist: there is no no$"),
            (["/no/such/file.txt"], r"^/no/such/file\.txt does not exist: there is no /no$"),
            (["*.mdx"], r"^no file matches \*\.mdx$"),
            ([], "no file to read was named"),
            ([""], "an empty string is no path"),
            (["a\0b"], r"a\\x00b is no path"),
            (["a.txt/b"], r"a\.txt/b does not exist"),
            (["x" * 5000], "does not exist"),
            (["a\nb\x1b"], r"^a\\nb\\x1b does not exist"),
        ],
    )
    def test_what_is_not_there_is_named(self, folder, paths, said):
        with pytest.raises(ConfigError, match=said):
            load(paths)

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"", r"x\.dat is empty"),
            (b" \n", r"x\.dat holds no text"),
            (b"\0\1\2", r"x\.dat is a binary file: convert it to text \(UTF-8\), or leave it out"),
            (b"\x89PNG\r\n\x1a\n\0", r"x\.dat is a PNG image: .*OCR"),
            (b"\x1f\x8b\x08\0", r"x\.dat is a gzip archive: unpack it"),
            (b"SQLite format 3\0", r"x\.dat is an SQLite database: dump"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", r"x\.dat is an old Office file: save it as \.docx"),
            (b"PAR1\0", r"x\.dat is a Parquet file: convert"),
        ],
    )
    def test_a_named_file_without_text_is_an_error_with_the_fix(self, folder, data, said):
        (folder / "x.dat").write_bytes(data)
        with pytest.raises(ConfigError, match=said):
            load(["x.dat", "a.txt"])

    def test_texts_that_begin_like_a_signature_are_texts(self, folder):
        for text in ("BZhello", "ID3 tags are", "GIF8 is", "PAR1 of", "OggS"):
            (folder / "x.txt").write_text(text)
            assert load(["x.txt"]).text == text

    def test_pipes_and_devices_are_refused_without_being_opened(self, folder):
        os.mkfifo(folder / "pipe")
        for path in ("pipe", "/dev/zero"):
            with pytest.raises(ConfigError, match=r"is no regular file but a pipe, socket or device: pipe its text in"):
                load([path])

    def test_broken_and_looping_links_are_named(self, folder):
        (folder / "broken").symlink_to("nowhere")
        (folder / "loop").symlink_to("loop")
        with pytest.raises(ConfigError, match=r"broken does not exist \(or is a link to nothing\)"):
            load(["broken"])
        with pytest.raises(ConfigError, match=r"loop cannot be read: Too many levels of symbolic links"):
            load(["loop"])

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything; the next test covers root")
    def test_an_unreadable_file_is_named(self, folder):
        (folder / "a.txt").chmod(0)
        with pytest.raises(ConfigError, match=r"a\.txt may not be read by this user: check its permissions"):
            load(["a.txt"])

    def test_a_refusal_of_the_system_is_named_in_one_line(self, folder, monkeypatch):
        real = io.open

        def refusing(path, *rest, **named):
            if str(path).endswith("a.txt"):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *rest, **named)

        monkeypatch.setattr(io, "open", refusing)
        with pytest.raises(ConfigError, match=r"^a\.txt may not be read by this user: check its permissions$"):
            load(["a.txt"])
        assert load(["."]).notes == ("left out, permission denied: 1 (a.txt)",)


class TestLimits:
    def test_all_files_together_have_a_cap(self, folder):
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        assert len(load(["."], limits=ReadLimits(total_bytes=size)).documents) == 3
        with pytest.raises(
            ConfigError,
            match=r"sub/c\.txt takes the input over the limit of .* bytes: name fewer or smaller files, or raise ReadLimits\(total_bytes",
        ):
            load(["."], limits=ReadLimits(total_bytes=size - 1))

    def test_a_huge_file_is_refused_before_it_is_read(self, folder):
        (folder / "huge.txt").write_bytes(b"x" * 9000)
        os.truncate(folder / "huge.txt", 5_000_000_000)
        with pytest.raises(ConfigError, match=r"huge\.txt takes the input over the limit of 2\.0 GB"):
            load(["huge.txt"])

    def test_a_huge_binary_in_a_folder_costs_nothing(self, folder):
        (folder / "huge.bin").write_bytes(b"\0")
        os.truncate(folder / "huge.bin", 5_000_000_000)
        assert load(["."]).notes == ("left out, binary: 1 (huge.bin)",)

    def test_the_number_of_files_has_a_cap(self, folder):
        with pytest.raises(ConfigError, match=r"more than 2 files, the last of them sub/c\.txt"):
            load(["."], limits=ReadLimits(files=2))

    @pytest.mark.parametrize("unit", ["plain text, 1\n", "ünïcödé\r\n"])
    def test_memory_stays_near_the_size_of_the_text(self, tmp_path, unit):
        (tmp_path / "big.txt").write_bytes((unit * (40_000_000 // len(unit))).encode())
        # in a process of its own: a tracer (coverage) holds the text while it grows, and then it is copied
        (tmp_path / "small.txt").write_text("what a first load imports is not counted")
        run = [sys.executable, "-c", MEASURED, str(tmp_path / "small.txt"), str(tmp_path / "big.txt")]
        done = subprocess.run(run, capture_output=True, text=True, check=True)
        peak, size = map(int, done.stdout.split())
        assert peak < 1.1 * size + 4 * (4 << 20)


MEASURED = """
import sys, tracemalloc
from rlm_async.contexts import load
load([sys.argv[1]])
tracemalloc.start()
context = load([sys.argv[2]])
print(tracemalloc.get_traced_memory()[1], sys.getsizeof(context.text))
"""


@given(st.lists(st.text(max_size=20) | st.sampled_from(["-", "*", "**", ".", "..", "~", "a.txt"]), max_size=3))
def test_any_names_either_load_or_are_one_clear_error(tmp_path_factory, given_names):
    place = tmp_path_factory.getbasetemp() / "names"
    place.mkdir(exist_ok=True)
    (place / "a.txt").write_text("x")
    before = os.getcwd()  # noqa: PTH109 -- chdir back to where the test run stands
    os.chdir(place)
    try:
        load([name for name in given_names if name not in {"..", "~", "/"}], stdin=io.BytesIO(b"x"))
    except ConfigError as error:
        assert str(error).isprintable()
    finally:
        os.chdir(before)


def test_510_contracts_are_all_read_as_utf8(shared):
    context = load([shared / "data" / "cuad" / "full_contract_txt"])
    assert (len(context.documents), context.characters, context.notes) == (510, 26_807_133, ())
