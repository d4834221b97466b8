"""A sandbox is found by its name, a plugin's is loaded only when it is named, and its errors say whose they are."""

from __future__ import annotations

import sys

import pytest

from rlm_async import RLM
from rlm_async.core.context import Context
from rlm_async.errors import ConfigError
from rlm_async.sandbox.named import check_name, installed, opened
from rlm_async.testing.sandbox_conformance import EchoHost

pytestmark = pytest.mark.anyio
MODULE = """
from rlm_async.sandbox import inline
made = []
class Factory:
    def __init__(self): self.inner = inline(); self.open = self.inner.open; made.append(self)
    async def aclose(self): made.append("closed")
def broken(): raise RuntimeError("no room")
def wrong(): return 3
"""
ENTRIES = """[rlm_async.sandboxes]
good = rlm_fake_plugin:Factory
broken = rlm_fake_plugin:broken
wrong = rlm_fake_plugin:wrong
gone = rlm_fake_plugin_that_is_gone:make
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    (tmp_path / "rlm_fake_plugin.py").write_text(MODULE)
    metadata = tmp_path / "rlm_fake_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: rlm-fake-plugin\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("rlm_fake_plugin", None)


async def test_a_plugin_is_loaded_when_it_is_named_and_closed_after_use(plugin):
    assert {"good", "broken"} <= set(installed())
    assert "rlm_fake_plugin" not in sys.modules
    async with opened("good") as factory, factory.open(Context.of("four"), EchoHost()) as sandbox:
        assert (await sandbox.run("print(len(context))")).stdout == "4\n"
    assert sys.modules["rlm_fake_plugin"].made == [factory, "closed"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("broken", "the sandbox 'broken' of rlm-fake-plugin cannot be loaded: RuntimeError: no room"),
        ("gone", "the sandbox 'gone' of rlm-fake-plugin cannot be loaded: ModuleNotFoundError"),
        ("wrong", "the sandbox 'wrong' of rlm-fake-plugin gives a int, which opens no sandboxes"),
        (
            "nothing",
            "there is no sandbox 'nothing'; choose one of: strict, process, inline, broken, gone, good, .*wrong",
        ),
    ],
)
async def test_what_is_wrong_with_a_name_is_told(plugin, name, told):
    with pytest.raises(ConfigError, match=told):
        async with opened(name):
            pass


async def test_our_own_names_open_our_own(plugin):
    for name, layer in (("strict", "seccomp"), ("process", "process"), ("inline", "policy")):
        async with opened(name) as factory, factory.open(Context.of(""), EchoHost()) as sandbox:
            assert layer in sandbox.layers
        assert check_name(name) == name


def test_a_wrong_name_is_an_error_before_anything_runs():
    with pytest.raises(ConfigError, match="there is no sandbox 'moon'"):
        RLM("local", sandbox="moon")
    RLM("local", sandbox="inline")
