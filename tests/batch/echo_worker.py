"""A worker process for tests: answers as `answer_for_test` says; dies where an item says so."""

import os
import signal
import sys
from contextlib import asynccontextmanager

import anyio

from rlm_async.batch.pipe import serve
from rlm_async.testing.executor_conformance import answer_for_test


class Echo:
    hungry = True

    def __init__(self, job):
        self.job = job

    async def __call__(self, item):
        if item.question == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if item.question == "linger":
            await anyio.sleep(0.05)
        return answer_for_test(self.job, item)


@asynccontextmanager
async def opening(job):
    yield Echo(job)


if __name__ == "__main__":
    anyio.run(lambda: serve(opening, sys.stdin.buffer, sys.stdout.buffer, most=8))
