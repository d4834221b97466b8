"""A folder is read as git sees it, in order, and what was left out is told."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_async.contexts import ReadLimits, load
from rlm_async.contexts.ignoring import ignore_rules
from rlm_async.contexts.intake import Intake
from rlm_async.contexts.trees import LeftOut, walk
from rlm_async.errors import ConfigError


def plant(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def names(context):
    return [document.name for document in context]


def git_names(root):
    clean = {"PATH": os.environ["PATH"], "HOME": str(root / "nobody"), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "-q"], cwd=root, env=clean, check=True)
    listing = ["git", "ls-files", "-z", "--others", "--exclude-standard"]
    said = subprocess.run(listing, cwd=root, env=clean, check=True, capture_output=True)
    return set(said.stdout.decode().strip("\0").split("\0"))


IGNORING = {
    "nested": {
        ".gitignore": "*.log\nbuild/\n/top.txt\n",
        "top.txt": "ignored", "sub/top.txt": "kept", "a.log": "ignored", "sub/.gitignore": "!keep.log\n*.tmp\n",
        "sub/keep.log": "kept", "sub/deep/keep.log": "kept", "sub/other.log": "ignored", "sub/x.tmp": "ignored",
        "x.tmp": "kept", "build/out.txt": "ignored", "sub/build/out.txt": "ignored",
    },
    "nothing comes back from below an ignored folder": {
        ".gitignore": "out/\n!out/keep.txt\n", "out/keep.txt": "ignored", "b.txt": "kept",
        "out/.gitignore": "!keep.txt\n",
    },
    "an ignored folder may come back whole": {
        ".gitignore": "out/*\n!out/sub/\n", "out/a.txt": "ignored", "out/sub/b.txt": "kept", "c.txt": "kept",
    },
    "a list of what is allowed": {
        ".gitignore": "*\n!*/\n!*.py\n!.gitignore\n", "a.py": "kept", "a.txt": "ignored", "d/b.py": "kept", "d/b.txt": "ignored",
    },
    "a deeper file overrules": {
        ".gitignore": "gen/\n", "pkg/.gitignore": "!gen/\n", "pkg/gen/a.txt": "kept", "gen/a.txt": "ignored",
    },
    "patterns in the middle, comments and spaces": {
        ".gitignore": "# comment\n\\#file\ndoc/**/*.txt\na b.txt\nc.txt   \n!\n[\nx[0-9].txt\n",
        "#file": "ignored", "doc/a.txt": "ignored", "doc/x/y/b.txt": "ignored", "doc/b.md": "kept", "a b.txt": "ignored",
        "c.txt": "ignored", "x1.txt": "ignored", "xy.txt": "kept",
    },
    "an entry is judged by the rules that match it, not its folder": {
        ".gitignore": "*.log\nbuild/\n!/src/\n", "src/build/a.txt": "ignored", "src/a.log": "ignored", "src/.gitignore": "!sub/\n",
        "src/sub/a.log": "ignored", "src/sub/a.txt": "kept",
    },
    "classes, stars and slashes": {
        ".gitignore": "[!a]x.txt\n[[:digit:]]*.md\nfoo/*\n**/deep\na/**/b\nabc/**\n/**/q.txt\n*.[oa]\nx\\*y\nz**z\nw/**w\n",
        "bx.txt": "ignored", "ax.txt": "kept", "1a.md": "ignored", "a1.md": "kept", "foo/1.txt": "ignored", "s/foo/1.txt": "kept",
        "s/t/deep": "ignored", "deep": "ignored", "a/b": "ignored", "a/x/y/b": "ignored", "abc/d/e": "ignored", "s/abc/d": "kept",
        "n/q.txt": "ignored", "q.txt": "ignored", "lib.o": "ignored", "x*y": "ignored", "x1y": "kept", "zaaz": "ignored",
        "w/aw": "ignored", "w/a/aw": "kept",
    },
    "windows line ends and a byte order mark": {".gitignore": "\ufeff*.log\r\ntmp/\r\n", "a.log": "ignored", "tmp/a": "ignored", "b": "kept"},
    "a class that never closes": {".gitignore": "[ab\nfoo\\\n[b-a]\n[]x]y\n", "[ab": "kept", "foo": "kept", "]y": "ignored", "b": "ignored", "a": "kept"},
    "many stars": {".gitignore": "*a*b*c/x*y*z\n*1*2*.t?t\n", "zabzc/xyyz": "ignored", "acb/xyz": "kept", "0102.txt": "ignored", "21.txt": "kept"},
    "no rules at all": {"b/a.txt": "kept", "a.txt": "kept"},
}  # fmt: skip


@pytest.mark.parametrize("case", IGNORING)
def test_ignored_files_are_left_out(tmp_path, case):
    files = IGNORING[case]
    plant(tmp_path, files)
    expected = {name for name, text in files.items() if text != "ignored"}
    read = set(names(load([tmp_path])))
    assert {n for n in read if not n.endswith(".gitignore")} == {n for n in expected if not n.endswith(".gitignore")}


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
@pytest.mark.parametrize("case", IGNORING)
def test_git_itself_leaves_out_the_same(tmp_path, case):
    plant(tmp_path, IGNORING[case])
    assert set(names(load([tmp_path]))) == git_names(tmp_path)


def test_a_pattern_of_many_stars_is_judged_at_once():
    rules = ignore_rules(["*a" * 40 + "b", "**/a/" * 6 + "b"])
    assert rules is not None
    assert rules.verdict("a" * 250, folder=False) is None
    assert rules.verdict("a/" * 25 + "c", folder=False) is None


SEGMENTS = st.text("ab*?[]!-/\\. ", min_size=1, max_size=8)


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
@settings(max_examples=15, deadline=None)
@given(st.lists(SEGMENTS, min_size=1, max_size=3))
def test_git_judges_any_rules_the_same(tmp_path_factory, lines):
    root = tmp_path_factory.mktemp("any")
    plant(root, dict.fromkeys(["a", "b/a", "b/ab", "ab/a/b", "ab/b", "aab", "b.a", "-"], "kept"))
    (root / ".gitignore").write_text("\n".join(lines))
    read = {file.relative_to(root).as_posix() for file in walk(root, Intake(ReadLimits()), LeftOut())}
    assert read == git_names(root) - {""}


def test_rules_above_the_named_folder_hold_inside_a_work_tree(tmp_path):
    plant(
        tmp_path,
        {
            ".git/info/exclude": "*.private\n",
            ".gitignore": "*.log\n",
            "src/a.log": "x",
            "src/b.txt": "x",
            "src/c.private": "x",
        },
    )
    assert names(load([tmp_path / "src"])) == ["b.txt"]


def test_rules_above_do_not_hold_outside_a_work_tree(tmp_path):
    plant(tmp_path, {".gitignore": "*.log\n", "src/a.log": "x"})
    assert names(load([tmp_path / "src"])) == ["a.log"]


def test_who_names_an_ignored_folder_wants_it_read(tmp_path):
    plant(tmp_path, {".git/HEAD": "x", ".gitignore": "build/\n", "build/a.txt": "x", "b.txt": "x"})
    assert names(load([tmp_path / "build"])) == ["a.txt"]
    assert names(load([tmp_path / "build" / "a.txt"])) == ["a.txt"]
    assert ".gitignore" in names(load([tmp_path]))


def test_what_is_left_out_is_told_with_counts_and_examples(tmp_path):
    plant(tmp_path, {".git/config": "x", ".gitignore": "*.log\n", "a.log": "x", "b.log": "x", "ok.txt": "x", "empty.txt": "",
                     "node_modules/m.js": "x", "pkg/__pycache__/m.txt": "x", ".venv/pyvenv.cfg": "x", ".venv/lib.py": "x"})  # fmt: skip
    for number in range(5):
        (tmp_path / f"{number}.bin").write_bytes(b"\0\1\2")
    context = load([tmp_path])
    assert names(context) == [".gitignore", "ok.txt"]
    assert context.notes == (
        "left out, binary: 5 (0.bin, 1.bin, 2.bin, …)",
        "left out, empty: 1 (empty.txt)",
        "left out, generated: 2 (node_modules/, pkg/__pycache__/)",
        "left out, ignored by .gitignore: 2 (a.log, b.log)",
        "left out, virtual environments: 1 (.venv/)",
    )


def test_documents_come_in_the_order_of_their_names_folder_by_folder(tmp_path):
    plant(tmp_path, dict.fromkeys(["b/z.txt", "b/a.txt", "a.txt", "c.txt", "B.txt", "b.txt"], "x"))
    assert names(load([tmp_path])) == ["B.txt", "a.txt", "b/a.txt", "b/z.txt", "b.txt", "c.txt"]


def test_links_are_not_followed_so_that_none_can_loop_or_lead_out(tmp_path):
    plant(tmp_path, {"tree/a.txt": "x", "outside.txt": "secret", "tree/sub/b.txt": "x"})
    (tmp_path / "tree" / "sub" / "up").symlink_to(tmp_path / "tree")
    (tmp_path / "tree" / "out.txt").symlink_to(tmp_path / "outside.txt")
    (tmp_path / "tree" / "self").symlink_to("self")
    context = load([tmp_path / "tree"])
    assert names(context) == ["a.txt", "sub/b.txt"]
    assert context.notes == ("left out, symbolic links (name what they point to): 3 (out.txt, self, sub/up)",)


def test_a_link_that_is_named_is_followed(tmp_path):
    plant(tmp_path, {"tree/a.txt": "x"})
    (tmp_path / "link").symlink_to(tmp_path / "tree")
    assert names(load([tmp_path / "link"])) == ["a.txt"]


def test_pipes_and_sockets_in_a_folder_are_left_out(tmp_path):
    plant(tmp_path, {"a.txt": "x"})
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
        context = load([tmp_path])
    assert context.notes == ("left out, no regular files: 2 (pipe, socket)",)


def test_a_very_deep_folder_is_read(tmp_path):
    deep = tmp_path.joinpath(*["d"] * 300)
    plant(deep, {"a.txt": "x"})
    assert names(load([tmp_path])) == ["d/" * 300 + "a.txt"]


def test_names_that_are_not_utf8_and_control_characters_do_no_harm(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    (tmp_path / "line\nbreak.txt").write_text("x")
    (tmp_path / "bad\x1b.bin").write_bytes(b"\0")
    context = load([tmp_path])
    assert names(context) == ["caf\\xe9.txt", "line\nbreak.txt"]
    assert context.notes == (r"left out, binary: 1 (bad\x1b.bin)",)
    assert context.digest


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, r"nothing to read in .*tree: it holds no files"),
        ({"a.bin": "\0"}, r"nothing to read in .*tree: left out, binary: 1 \(a\.bin\)"),
    ],
)
def test_a_folder_with_nothing_to_read_says_why(tmp_path, files, said):
    (tmp_path / "tree").mkdir()
    plant(tmp_path / "tree", files)
    with pytest.raises(ConfigError, match=said):
        load([tmp_path / "tree"])


def test_a_folder_that_may_not_be_listed_is_left_out_below_and_an_error_when_named(tmp_path, monkeypatch):
    plant(tmp_path, {"a.txt": "x", "locked/b.txt": "x"})
    real = os.scandir

    def guarded(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert load([tmp_path]).notes == ("left out, not readable (Permission denied): 1 (locked/)",)
    with pytest.raises(ConfigError, match=r"locked may not be read by this user"):
        load([tmp_path / "locked"])
