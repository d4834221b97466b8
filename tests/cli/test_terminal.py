"""The live tree in a real terminal: tmux draws it, and is asked what stands on the screen."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time

import pytest

from rlm_async.testing import Served

WIDTH, HEIGHT = 110, 20
FAN = '```repl\nanswer["content"] = "a draft"\n```'
ASK = '```repl\nhits = llm_query_batched([f"wait {i}" for i in range(100)])\n```'


class Terminal:
    """One tmux with one window, on a socket of its own."""

    def __init__(self, folder):
        self._socket = str(folder / "tmux")

    def __call__(self, *arguments):
        return subprocess.run(
            ["tmux", "-S", self._socket, "-f", "/dev/null", *arguments], capture_output=True, text=True, check=True
        ).stdout

    def screen(self):
        return self("capture-pane", "-p")

    def until(self, *texts):
        end = time.monotonic() + 60
        while True:
            screen = self.screen()
            if all(text in screen for text in texts):
                return screen
            assert time.monotonic() < end, screen
            time.sleep(0.05)


@pytest.fixture
def terminal(tmp_path, environ):
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed: apt-get install tmux")
    opened = Terminal(tmp_path)

    def start(*arguments, **extra):
        variables = [f"{name}={value}" for name, value in {**environ, **extra}.items()]
        words = [*variables, sys.executable, "-m", "rlm_async", *map(str, arguments)]
        shell = f'env -i TERM="$TERM" {shlex.join(words)}; echo status $?; exec cat'
        opened("new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), "-c", str(tmp_path), shell)
        return opened

    yield start
    subprocess.run(["tmux", "-S", opened._socket, "kill-server"], capture_output=True, check=False)


def replies():
    calls = []

    def reply(asked):
        if asked.prompt.startswith("wait"):
            number = int(asked.prompt.split()[1])
            return Served(fault="hang") if number >= 40 else "no"
        calls.append(asked)
        return FAN if len(calls) == 1 else ASK

    return reply


def test_the_tree_lives_in_a_terminal_and_leaves_it_tidy(terminal, endpoint):
    options = (*endpoint(replies()).options, "--strategy", "repl", "--concurrency", "100")
    shown = terminal("ask", "which topic?", *options)
    screen = shown.until("waits for 60 of 100", "40 done")
    lines = screen.splitlines()
    assert "◌ which topic?" in screen
    assert "├ ● wait 40" in screen
    assert sum("wait " in line for line in lines) >= 5
    assert "running, " in screen  # the fold
    assert "101 nodes: " in screen
    assert "60 calls in flight" in screen
    assert shown("display-message", "-p", "#{cursor_flag}").strip() == "0"
    shown("send-keys", "C-c")
    screen = shown.until("status 130")
    assert "interrupted: the draft above is not an answer yet; 40 of 101 nodes had theirs" in screen
    assert "a draft" in screen
    assert "Traceback" not in screen
    assert shown("display-message", "-p", "#{cursor_flag}").strip() == "1"


def test_no_color_and_a_dumb_terminal_are_honoured(terminal, endpoint):
    shown = terminal("ask", "which topic?", "--no-color", *endpoint("whales").options)
    shown.until("status 0", "✓ which topic?", "whales")
    colored = shown("capture-pane", "-p", "-e")
    assert "\x1b[3" not in colored.replace("\x1b[39m", "")
    assert "38;" not in colored


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(terminal, endpoint):
    shown = terminal("ask", "which topic?", *endpoint("whales").options, TERM="dumb")
    screen = shown.until("status 0", "whales")
    assert "answering with direct" in screen
    assert "✓" not in screen
