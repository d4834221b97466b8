"""The cache of weights, and what a model's name means with what is in it."""

import errno
import os

import pytest

from rlm_async.errors import ConfigError
from rlm_async.models.local import choice, install
from rlm_async.models.local.choice import choose, is_local
from rlm_async.models.local.install import Installer
from rlm_async.models.local.lock import Lock
from rlm_async.models.local.status import status
from rlm_async.models.local.store import Store


@pytest.fixture
def tiny(index, monkeypatch):
    """The only weights there are."""
    for module in ("choice", "install", "status", "weights"):
        monkeypatch.setattr(f"rlm_async.models.local.{module}.WEIGHTS", (index.weights,))
    return index.weights


@pytest.fixture
def environ(tmp_path):
    return {"RLM_ASYNC_CACHE": str(tmp_path / "c"), "RLM_ASYNC_RUNTIME": str(tmp_path / "r")}


def put(environ, index, data=None):
    store = Store.of(environ)
    store.folder.mkdir(parents=True, exist_ok=True)
    store.path(index.weights).write_bytes(index.data if data is None else data)
    return store


def test_a_file_changed_after_it_was_verified_is_not_used(index, store):
    store.path(index.weights).write_bytes(index.data)
    assert store.holds(index.weights)
    store.path(index.weights).write_bytes(index.data[:-1] + b"!")
    os.utime(store.path(index.weights), ns=(1, 1))
    assert not store.holds(index.weights)


def test_a_verified_file_is_not_read_again(index, store, monkeypatch):
    store.path(index.weights).write_bytes(index.data)
    assert store.holds(index.weights)
    monkeypatch.setattr("rlm_async.models.local.store.sha256", lambda path: pytest.fail("read again"))
    assert store.holds(index.weights)


def test_a_broken_seal_is_made_anew(index, store):
    store.path(index.weights).write_bytes(index.data)
    seal = store.path(index.weights).with_name("tiny.gguf.sha256.json")
    seal.write_text("[]")
    assert store.holds(index.weights)
    assert index.weights.sha256 in seal.read_text()


def test_two_installations_at_once_are_refused(index, store, record):
    other = Lock(store.folder / ".tiny.gguf.lock")
    assert other.take_nowait()
    try:
        with pytest.raises(ConfigError, match="another process is installing tiny"):
            Installer(store, []).install(index.weights, record)
    finally:
        other.release()


def test_a_full_disk_is_a_clear_line_and_leaves_no_finished_file(index, store, record):
    class Full:
        name = "elsewhere"

        def has(self, weights):
            return True

        def fetch(self, weights, store, report):
            store.part(weights).write_bytes(b"GGUF")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ConfigError, match="the disk is full: make room, or set RLM_ASYNC_CACHE"):
        Installer(store, [Full()]).install(index.weights, record)
    assert not store.path(index.weights).exists()


def test_a_cache_that_cannot_be_made_names_the_variable(index, tmp_path, record):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="RLM_ASYNC_CACHE"):
        Installer(Store(tmp_path / "file" / "models"), []).install(index.weights, record)


def test_removing_frees_what_was_there(index, store):
    store.path(index.weights).write_bytes(index.data)
    store.part(index.weights).write_bytes(b"GG")
    assert store.holds(index.weights)
    assert store.remove(index.weights) == len(index.data) + 2
    assert [path.name for path in store.folder.iterdir()] == [".tiny.gguf.lock"]


def test_local_means_the_best_that_is_installed(tiny, index, environ):
    put(environ, index)
    assert choose("local", environ).name == "tiny"


def test_local_without_weights_names_the_command(tiny, environ):
    with pytest.raises(ConfigError, match="rlm-async local install"):
        choose("local", environ)


def test_a_size_that_is_not_installed_names_its_own_command(tiny, environ):
    with pytest.raises(ConfigError, match="run 'rlm-async local install tiny'"):
        choose("local:tiny", environ)


def test_damaged_weights_are_not_installed_weights(tiny, index, environ):
    put(environ, index, index.data[:-1])
    with pytest.raises(ConfigError, match="rlm-async local install"):
        choose("local", environ)


def test_a_file_of_the_users_own_is_taken_as_it_is(tiny, environ, tmp_path):
    own = tmp_path / "mine.gguf"
    own.write_bytes(b"GGUF and more")
    for name in (str(own), f"local:{own}"):
        assert is_local(name)
        chosen = choose(name, environ)
        assert (chosen.path, chosen.weights, chosen.name) == (own, None, "mine")
        assert "not known to us" in chosen.note


def test_an_official_file_is_known_under_any_name(tiny, index, environ, tmp_path):
    own = tmp_path / "renamed.gguf"
    own.write_bytes(index.data)
    assert choose(str(own), environ).weights is tiny


def test_a_damaged_file_with_the_official_name_is_refused(tiny, index, environ, tmp_path):
    own = tmp_path / "tiny.gguf"
    own.write_bytes(index.data[:-5])
    with pytest.raises(ConfigError, match="damaged or incomplete"):
        choose(str(own), environ)


def test_a_file_that_is_no_gguf_is_refused(tiny, environ, tmp_path):
    own = tmp_path / "page.gguf"
    own.write_text("<html>")
    with pytest.raises(ConfigError, match="not a GGUF file"):
        choose(str(own), environ)


def test_the_variable_names_a_file_and_missing_files_are_said(tiny, index, environ, tmp_path):
    own = tmp_path / "own.gguf"
    environ[install.OWN] = str(own)
    with pytest.raises(ConfigError, match=f"{install.OWN} names .*own.gguf: there is no such file"):
        choose("local", environ)
    own.write_bytes(index.data)
    assert choose("local", environ).path == own
    assert Installer.of(environ).where(tiny) == own


def test_the_variable_may_name_a_folder(tiny, index, environ, tmp_path):
    (tmp_path / tiny.file).write_bytes(index.data)
    environ[install.OWN] = str(tmp_path)
    assert choose("local", environ).path == tmp_path / tiny.file


@pytest.mark.parametrize(
    ("name", "local"), [("local", True), ("local:0.5b", True), ("localhost/x", False), ("openai/gpt-5", False)]
)
def test_which_names_mean_a_local_model(name, local):
    assert is_local(name) is local


def test_the_price_is_known_and_nothing(tiny, index, environ):
    put(environ, index)
    chosen = choose("local", environ)
    settings = chosen.settings({**environ, "RLM_ASYNC_LOCAL_WINDOW": "512"})
    known = choice.info("local", chosen, settings)
    assert known.price.nanos(10**6, 10**6) == 0
    assert known.name == "local"
    assert known.weak
    assert known.window == 1  # what it was trained for is less than what was asked for


@pytest.mark.parametrize("value", ["none", "-1", "0", "inf", "nan"])
def test_a_setting_that_is_no_positive_number_is_named(tiny, index, environ, value):
    put(environ, index)
    with pytest.raises(ConfigError, match=f"RLM_ASYNC_LOCAL_IDLE='{value}'"):
        choose("local", environ).settings({**environ, "RLM_ASYNC_LOCAL_IDLE": value})


def test_the_status_of_an_empty_machine_says_what_to_do(tiny, environ):
    found = status(environ)
    assert not found.usable
    assert any("rlm-async local install" in line for line in found.problems)
    assert [held.path for held in found.weights] == [None]
    assert not Store.of(environ).folder.exists()


def test_the_status_counts_what_was_begun(tiny, index, environ):
    store = put(environ, index)
    store.part(tiny).write_bytes(b"GG")
    found = status(environ)
    assert found.weights[0].begun == 2
    assert found.chosen.weights is tiny
    assert found.servers == ()
