"""The machine's one server: locks, idleness, start, stop, crash."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rlm_async.errors import ConfigError
from rlm_async.models.local.lock import Lock, is_taken
from rlm_async.models.local.settings import Desk, Serving, Settings, runtime_folder
from rlm_async.models.local.supervisor import Supervisor

pytest.importorskip("xllamacpp", reason="the engine is not installed: pip install 'rlm-async[local]'")
from rlm_async.models.local.server import Idleness

REAL = pytest.mark.required_in_ci("the smallest weights, for the plumbing")


def metrics(decoded, processing=0, deferred=0):
    return (
        f"# TYPE llamacpp:n_decode_total counter\nllamacpp:n_decode_total {decoded}\n"
        f"llamacpp:requests_processing {processing}\nllamacpp:requests_deferred {deferred}\n"
    )


def test_a_server_is_idle_when_nothing_was_decoded_for_long_enough():
    idleness = Idleness(10, now=0)
    assert not idleness.over(metrics(0), 9)  # the first look counts as work
    assert not idleness.over(metrics(0), 18)
    assert idleness.over(metrics(0), 19)


def test_work_between_two_looks_starts_the_wait_again():
    idleness = Idleness(10, now=0)
    idleness.over(metrics(0), 0)
    assert not idleness.over(metrics(5), 9)
    assert not idleness.over(metrics(5), 18)
    assert idleness.over(metrics(5), 19)


@pytest.mark.parametrize("busy", [{"processing": 1}, {"deferred": 2}])
def test_a_server_with_a_request_is_never_idle(busy):
    idleness = Idleness(10, now=0)
    assert not any(idleness.over(metrics(1, **busy), now) for now in range(0, 1000, 50))


def test_a_lock_has_one_holder_and_can_be_looked_at(tmp_path):
    first, second = Lock(tmp_path / "l"), Lock(tmp_path / "l")
    assert not is_taken(tmp_path / "l")
    assert first.take_nowait()
    assert is_taken(tmp_path / "l")
    assert not second.take_nowait()
    told = []
    assert not second.take(0.0, lambda: told.append("busy"))
    assert told == ["busy"]
    first.release()
    assert second.take_nowait()
    assert not first.held
    second.release()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom rlm_async.models.local.lock import Lock\n"
        f"print(Lock(Path({str(tmp_path / 'l')!r})).take_nowait(), flush=True)\n"
    )
    code = code.replace("print(Lock(", "lock = Lock(").replace(").take_nowait(), flush=True)", ")")
    code += "print(lock.take_nowait(), flush=True)\nsys.stdin.read()\n"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"True\n"
        assert is_taken(tmp_path / "l")
        child.kill()
    assert not is_taken(tmp_path / "l")


def test_a_folder_that_others_may_write_to_is_refused(tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="only you can write to: set RLM_ASYNC_RUNTIME"):
        runtime_folder({"RLM_ASYNC_RUNTIME": str(folder)})


def test_a_link_to_a_folder_is_refused(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ConfigError, match="RLM_ASYNC_RUNTIME"):
        runtime_folder({"RLM_ASYNC_RUNTIME": str(tmp_path / "link")})


def test_the_folder_is_made_for_the_user_alone(tmp_path):
    folder = runtime_folder({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert folder == tmp_path / "rlm-async"
    assert folder.stat().st_mode & 0o077 == 0


def serving(**changes):
    known = {"address": "http://127.0.0.1:1", "api_key": "very-secret", "pid": 1, "name": "n", "model": "m"}
    return Serving(**{**known, "window": 1, "slots": 1, "started": 0.0, **changes})


def test_an_address_left_by_a_dead_server_is_not_believed(tmp_path):
    (tmp_path / "w.gguf").write_bytes(b"GGUF")
    settings = Settings(model=str(tmp_path / "w.gguf"), name="w")
    desk = Desk(tmp_path, settings.key)
    desk.write(serving())
    desk.alive.touch()
    assert Supervisor(tmp_path, {}).find(settings) is None
    assert Supervisor(tmp_path, {}).serving() == []
    assert Supervisor(tmp_path, {}).stop() == 0


def test_the_address_is_for_the_user_alone_and_the_key_is_not_shown(tmp_path):
    desk = Desk(tmp_path, "k")
    desk.write(serving())
    assert desk.state.stat().st_mode & 0o077 == 0
    assert desk.read() == serving()
    assert "very-secret" not in repr(serving())


def test_a_server_stays_until_its_own_address_is_gone(tmp_path):
    desk = Desk(tmp_path, "k")
    desk.write(serving())
    assert not desk.dismissed(serving())
    assert desk.dismissed(serving(api_key="another"))
    desk.state.unlink()
    assert desk.dismissed(serving())


def test_an_address_that_cannot_be_read_just_now_is_still_its_own(tmp_path):
    desk = Desk(tmp_path, "k")
    desk.state.mkdir()  # reading it fails as it does where all file descriptors are taken
    assert not desk.dismissed(serving())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"address": 1}', "\x00"])
def test_a_damaged_address_is_no_address(tmp_path, text):
    desk = Desk(tmp_path, "k")
    desk.state.write_text(text)
    assert desk.read() is None


def test_weights_that_do_not_load_are_a_clear_error(tmp_path, record):
    (tmp_path / "junk.gguf").write_bytes(b"GGUF is all there is")
    settings = Settings(model=str(tmp_path / "junk.gguf"), name="junk")
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    with pytest.raises(ConfigError, match=r"the engine could not load .*junk\.gguf .*\.log"):
        Supervisor(folder, os.environ).ensure(settings, record)
    assert record.lines == ["starting junk on this machine (0 MiB)"]


def test_weights_that_vanished_are_said_to_be_gone(tmp_path, record):
    with pytest.raises(ConfigError, match=r"w\.gguf cannot be read any more: No such file"):
        Supervisor(tmp_path, {}).ensure(Settings(model=str(tmp_path / "w.gguf"), name="w"), record)


def test_a_missing_engine_is_named_with_its_fix(tmp_path, record, monkeypatch):
    (tmp_path / "w.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr("rlm_async.models.local.supervisor.ENGINE", "no_such_engine")
    with pytest.raises(ConfigError, match=r"pip install 'rlm-async\[local\]'"):
        Supervisor(tmp_path, {}).ensure(Settings(model=str(tmp_path / "w.gguf"), name="w"), record)


def test_a_server_does_not_inherit_secrets(tmp_path):
    environ = {"OPENAI_API_KEY": "1", "HF_TOKEN": "2", "DB_PASSWORD": "3", "PATH": "/bin", "PYTHONPATH": "/x"}
    found = Supervisor(tmp_path, environ)._environ()
    assert set(found) == {"PATH", "PYTHONPATH", "OMP_WAIT_POLICY"}
    assert found["OMP_WAIT_POLICY"] == "passive"


@REAL
def test_programs_that_begin_at_once_share_one_server(real, record):
    supervisor, settings = real
    wanted = settings("135m")
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: supervisor.ensure(wanted, record), range(6)))
    assert len(set(found)) == 1
    assert len(record.lines) == 1
    assert supervisor.serving() == [found[0]]
    assert supervisor.stop(wanted) == 1
    assert supervisor.serving() == []
    with pytest.raises(ProcessLookupError):
        _await_end(found[0].pid)


@REAL
def test_a_killed_server_is_replaced(real, record):
    supervisor, settings = real
    wanted = settings("135m")
    first = supervisor.ensure(wanted, record)
    os.kill(first.pid, signal.SIGKILL)
    _await_end(first.pid, quiet=True)
    second = supervisor.ensure(wanted, record)
    assert second.pid != first.pid
    assert supervisor.find(wanted) == second


@REAL
def test_weights_that_go_take_their_server_with_them(real, record):
    supervisor, settings = real
    wanted = settings("135m")
    found = supervisor.ensure(wanted, record)
    assert supervisor.stop_using(supervisor.folder / "others.gguf") == 0
    assert supervisor.find(wanted) == found
    assert supervisor.stop_using(Path(wanted.model)) == 1
    assert supervisor.find(wanted) is None


@REAL
def test_a_terminals_interrupt_does_not_reach_the_server(real, record):
    supervisor, settings = real
    wanted = settings("135m")
    found = supervisor.ensure(wanted, record)
    assert os.getsid(found.pid) != os.getsid(0)
    os.kill(found.pid, signal.SIGINT)
    assert supervisor.find(wanted) == found


@REAL
def test_an_idle_server_ends_by_itself(real, record):
    supervisor, settings = real
    wanted = settings("135m", RLM_ASYNC_LOCAL_IDLE="0.3")
    found = supervisor.ensure(wanted, record)
    _await_end(found.pid, quiet=True)
    assert "nobody asked for 0.3 s" in Desk(supervisor.folder, wanted.key).log.read_text()
    assert supervisor.find(wanted) is None
    assert not Desk(supervisor.folder, wanted.key).state.exists()


def _await_end(pid, *, quiet=False):
    """Wait until the process is gone (the reaper thread has taken its status)."""
    done = threading.Event()
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            if quiet:
                return
            raise
        done.wait(0.02)
