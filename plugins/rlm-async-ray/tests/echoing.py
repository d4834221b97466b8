"""What workers of the tests open: answers as `answer_for_test` says; dies where an item says so."""

import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from rlm_async.errors import ConfigError
from rlm_async.testing.executor_conformance import answer_for_test


class Echo:
    hungry = True

    def __init__(self, job):
        self.job = job

    async def __call__(self, item):
        if item.question == "break":
            raise RuntimeError("a bug")
        if item.question == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if item.question.startswith("die once "):
            die_once(Path(item.question.removeprefix("die once ")))
        if item.question == "linger":
            await anyio.sleep(0.02)
        return answer_for_test(self.job, item)


def die_once(mark):
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


@asynccontextmanager
async def opening(job):
    if job.get("refuse"):
        raise ConfigError("no key here")
    yield Echo(job)
