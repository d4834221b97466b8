"""Loading in a thread leaves the loop free, and a cancelled load stops."""

from __future__ import annotations

import os
import threading

import anyio
import pytest

from rlm_async.contexts import load, load_async
from rlm_async.contexts.intake import Intake, ReadLimits
from rlm_async.contexts.trees import LeftOut, walk
from rlm_async.errors import ConfigError

pytestmark = pytest.mark.anyio


async def test_it_gives_what_load_gives(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    assert await load_async([tmp_path]) == load([tmp_path])


async def test_its_errors_are_plain(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        await load_async([tmp_path / "nope"])


async def test_a_silent_pipe_can_be_given_up_and_its_thread_ends():
    before = set(threading.enumerate())
    reader, writer = os.pipe()
    try:
        with os.fdopen(reader, "rb") as stdin:
            with anyio.move_on_after(0.05) as scope:
                await load_async(["-"], stdin=stdin)
            assert scope.cancelled_caught
            # The reader looks up within a tenth of a second; an idle thread of the pool may stay.
            await anyio.to_thread.run_sync(_wait_for_readers, before)
    finally:
        os.close(writer)


def _wait_for_readers(before):
    import sys

    done = threading.Event()
    for _ in range(100):
        frames = sys._current_frames()
        busy = [t for t in threading.enumerate() if t not in before and t.ident in frames and _reads(frames[t.ident])]
        if not busy:
            return
        done.wait(0.02)
    pytest.fail("a thread still reads")


def _reads(frame):
    while frame:
        if frame.f_code.co_name == "read_stdin":
            return True
        frame = frame.f_back
    return False


async def test_a_load_that_was_given_up_reads_no_further_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.txt", "sub/b.txt"):
        (tmp_path / name).write_text("x")
    given_up = threading.Event()
    files = walk(tmp_path, Intake(ReadLimits(), given_up.is_set), LeftOut())
    assert next(files).name == "a.txt"
    given_up.set()
    with pytest.raises(InterruptedError):
        next(files)
