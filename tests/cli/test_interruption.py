"""Ctrl-C and SIGTERM: a clean end with what was found, no traceback, no process left."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from rlm_async.testing import Served

DRAFT = '```repl\nanswer["content"] = "whales, it seems"\n```'
WAITS = '```repl\nprint(llm_query("please wait"))\n```'


class Script:
    """A root that leaves a draft and then waits for a sub-query that never comes back."""

    def __init__(self):
        self.calls = 0

    def __call__(self, asked):
        if asked.prompt == "please wait":
            return Served(fault="hang")
        self.calls += 1
        return DRAFT if self.calls == 1 else WAITS


def eventually(true, what):
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def group(leader):
    """The processes of a process group, and of the sessions that it has opened, by their parents."""
    found = {leader}
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(path.parent.name)] = int(fields[1])
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found & set(parents)


@pytest.fixture
def waiting(environ, endpoint, tmp_path):
    """A command that waits for a sub-query, and the processes that it has started."""
    started = []

    def start(*arguments):
        served = endpoint(Script())
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "rlm_async",
                "ask",
                "what is it about?",
                *served.options,
                "--strategy",
                "repl",
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=tmp_path,
            env=environ,
            start_new_session=True,
        )
        started.append(process)
        asked = served.server.requests
        eventually(lambda: any(one.prompt == "please wait" for one in asked), "the sub-query never came")
        return process, group(process.pid)

    yield start
    for process in started:
        with process:  # closes its pipes
            process.kill()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_with_what_was_found(waiting, number, status):
    process, family = waiting()
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == status
    assert stdout == "whales, it seems\n"
    assert "Traceback" not in stderr
    assert "interrupted: the draft above is not an answer yet; 0 of 2 nodes had theirs" in stderr
    assert "3 calls" in stderr.splitlines()[-1]
    eventually(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() and running(pid) for pid in family), "left behind")


def running(pid):
    """Whether a process is more than a zombie that its parent, gone too, has left to init."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_an_interrupted_run_is_an_object_too(waiting):
    process, _ = waiting("--json", "--quiet")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    told = json.loads(stdout)
    assert (process.returncode, stderr) == (130, "")
    assert (told["status"], told["text"], told["error"]) == ("partial", "whales, it seems", "interrupted")
    assert told["usage"]["calls"] == 3


def test_a_second_signal_ends_at_once(waiting):
    process, _ = waiting()
    os.kill(process.pid, signal.SIGSTOP)  # both arrive before the first one's work can be done
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode in {130, 143}
    assert not stdout
    assert "Traceback" not in stderr


def test_waiting_for_standard_input_can_be_interrupted(environ, endpoint, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "rlm_async", "ask", "what?", "-", *endpoint("hm").options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environ,
    )
    process.stdin.write(b"a beginning, and no end")
    process.stdin.flush()
    eventually(lambda: unread(process.stdin) == 0, "it never read")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert b"Traceback" not in process.stderr.read()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


def unread(pipe):
    """Bytes in a pipe that nobody has taken yet."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0]
