"""Sessions get a control group of their own where one was handed to us; elsewhere it can be required, and is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rlm_async.core.context import Context
from rlm_async.errors import SandboxUnavailable
from rlm_async.sandbox import Sandbox, cgroup
from tests.sandbox.wall.conftest import FakeHost

MIB = 1 << 20


def group(path: Path, handed: str = "cpu memory pids") -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "cgroup.subtree_control").write_text(handed + "\n")
    (path / "cgroup.procs").write_text("")
    return path


@pytest.fixture
def mark(monkeypatch):
    """Directories that systemd has marked as handed over."""
    marked = set()

    def getxattr(path, name):
        if name == "user.delegate" and Path(path) in marked:
            return b"1"
        raise OSError

    monkeypatch.setattr(os, "getxattr", getxattr)
    return marked


def test_the_place_of_this_process_is_read_from_the_kernels_tables(tmp_path):
    mounts, groups = tmp_path / "mounts", tmp_path / "groups"
    mounts.write_text(
        "30 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "31 24 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
    )
    groups.write_text("4:memory:/x\n0::/user.slice/run.scope\n")
    root = Path("/sys/fs/cgroup/unified")
    assert cgroup.own(mounts, groups) == (root, root / "user.slice/run.scope")
    groups.write_text("4:memory:/x\n")
    assert cgroup.own(mounts, groups) is None
    assert cgroup.own(tmp_path / "none", groups) is None


def test_the_nearest_directory_that_was_handed_over_is_used(tmp_path, mark):
    scope = group(tmp_path / "user.slice" / "run.scope")
    mine = group(scope / "main", "")
    group(tmp_path)
    mark |= {scope, tmp_path}
    assert cgroup.below(tmp_path, mine) == cgroup.Delegation(scope)
    assert cgroup.below(scope, tmp_path) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="others may write only where they were allowed to")
def test_root_uses_no_group_that_was_not_handed_over(tmp_path, mark):
    assert cgroup.below(tmp_path, group(tmp_path / "system.slice")) is None


def test_a_group_that_hands_nothing_on_is_no_place(tmp_path, mark):
    mark.add(group(tmp_path, "cpu io"))
    assert cgroup.below(tmp_path, tmp_path) is None


@pytest.mark.parametrize(
    ("handed", "told"), [("cpu", r"write '\+memory \+pids' to its cgroup.subtree_control"), (None, "no control group")]
)
def test_a_group_that_is_named_and_will_not_do_is_an_error(tmp_path, handed, told):
    path = tmp_path if handed is None else group(tmp_path, handed)
    with pytest.raises(SandboxUnavailable, match=told):
        cgroup.find({cgroup.VARIABLE: str(path)})


def test_a_process_enters_its_group_bounded(tmp_path, monkeypatch):
    made = cgroup.Delegation(group(tmp_path))
    monkeypatch.setattr(cgroup, "_write", lambda path, value: path.write_text(f"{value}\n"))
    entered = made.enter(4711, cgroup.Bounds.of(512 * MIB, 100 * MIB))
    written = {path.name: path.read_text().strip() for path in entered.path.iterdir()}
    assert written["memory.max"] == str(2 * (512 + 200) * MIB + 64 * MIB)
    assert written["pids.max"] == "8"
    assert written["cgroup.procs"] == "4711"
    for path in entered.path.iterdir():
        path.unlink()
    assert entered.end()
    assert entered.end()  # twice is once


def test_where_no_group_can_be_made_nothing_runs(tmp_path):
    with pytest.raises(SandboxUnavailable, match="no control group could be made in"):
        cgroup.Delegation(tmp_path / "gone").enter(4711, cgroup.Bounds(MIB))


def test_a_group_in_use_is_not_gone(tmp_path):
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "child").mkdir()
    assert not cgroup.Group(tmp_path / "group").end()


@pytest.mark.anyio
async def test_required_and_missing_it_fails_closed(monkeypatch):
    monkeypatch.setattr("rlm_async.sandbox.factory.find", lambda _environment: None)
    with pytest.raises(SandboxUnavailable, match=r"'cgroup' is required and cannot be had here.*RLM_ASYNC_CGROUP"):
        async with Sandbox(require=("cgroup",), warm=0) as factory, factory.open(Context.of(""), FakeHost()):
            pass


@pytest.mark.anyio
async def test_a_session_enters_its_group_before_it_starts_and_leaves_none_behind(tmp_path, monkeypatch):
    seen = []

    class Fake:
        def enter(self, pid, bounds):
            seen.append((pid, bounds))
            (tmp_path / "group").mkdir()
            return cgroup.Group(tmp_path / "group")

    monkeypatch.setattr("rlm_async.sandbox.factory.find", lambda _environment: Fake())
    async with Sandbox(require=("cgroup",), warm=0) as factory:
        async with factory.open(Context.of("four"), FakeHost()) as sandbox:
            assert "cgroup" in sandbox.layers
            assert [pid for pid, _ in seen] == [sandbox.pid]
            assert (await sandbox.run("len(context)")).stdout == "4\n"
        assert not (tmp_path / "group").exists()


@pytest.mark.anyio
async def test_a_real_group_bounds_what_its_worker_forks():
    delegation = cgroup.find(os.environ)
    if delegation is None:
        pytest.skip("no control group was handed to this process: systemd-run --scope -p Delegate=yes, or name one")
    async with Sandbox(require=("cgroup",), warm=0) as factory:
        async with factory.open(Context.of(""), FakeHost()) as sandbox:
            path = delegation.path / f"rlm-async-{os.getpid()}-{sandbox.pid}"
            assert str(sandbox.pid) in (path / "cgroup.procs").read_text().split()
            assert (await sandbox.run("print(1)")).stdout == "1\n"
        assert not path.exists()
