"""The process in which the local model runs: `python -m rlm_async.models.local.server`, settings on stdin.

The engine (llama.cpp, through xllamacpp) is native code: whatever happens to it happens here and not in
the user's program. It serves the OpenAI protocol on a loopback port of its own until nobody has asked
anything for a while, or until its state file is taken away, which is how it is told to stop.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import xllamacpp

from rlm_async.models.local.lock import Lock
from rlm_async.models.local.settings import Desk, Serving, Settings

LOOK_SECONDS = 0.25
"""How often it looks at its state file."""
TAKE_SECONDS = 2.0
"""Who looks whether somebody holds the lock holds it for a moment."""
TAKEN = 3
"""Exit status: another server has the place."""
_SAMPLE = re.compile(r"^llamacpp:(\w+) (\S+)$", re.MULTILINE)
_WORK = ("prompt_tokens_total", "prompt_tokens_cached_total", "tokens_predicted_total", "n_decode_total")
_BUSY = ("requests_processing", "requests_deferred")


class Idleness:
    """Decides, from the engine's counters, whether nobody has asked for `seconds`."""

    def __init__(self, seconds: float, now: float) -> None:
        """Count from `now`, in seconds of a monotonic clock."""
        self.seconds = seconds
        self._since = now
        self._work: tuple[str, ...] = ()

    def over(self, metrics: str, now: float) -> bool:
        """Take the counters (Prometheus text) as they are now."""
        found = dict(_SAMPLE.findall(metrics))
        work = tuple(found.get(name, "") for name in _WORK)
        if work != self._work or any(float(found.get(name, 0)) > 0 for name in _BUSY):
            self._work, self._since = work, now
        return now - self._since >= self.seconds


def parameters(settings: Settings, api_key: str) -> xllamacpp.CommonParams:
    """The engine's parameters."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = settings.model
    wanted.model_alias = {settings.name}
    wanted.n_ctx = settings.window * settings.slots
    wanted.n_parallel = settings.slots
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = settings.threads
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = 0
    wanted.api_keys = [api_key]
    wanted.ui = False
    wanted.cache_prompt = True  # a second question on the same text costs nothing but the question
    wanted.cache_ram_mib = 0
    wanted.endpoint_metrics = True
    wanted.endpoint_slots = False
    wanted.verbosity = -1
    return wanted


def serve(settings: Settings, desk: Desk) -> int:
    """Serve until idle or told to stop; the exit status."""
    alive = Lock(desk.alive)
    if not alive.take(TAKE_SECONDS):
        return TAKEN
    api_key = secrets.token_urlsafe(24)
    server = xllamacpp.Server(parameters(settings, api_key))
    serving = Serving(
        address=server.listening_address,
        api_key=api_key,
        pid=os.getpid(),
        name=settings.name,
        model=settings.model,
        window=settings.window,
        slots=settings.slots,
        started=time.time(),
    )
    desk.write(serving)
    idleness = Idleness(settings.idle, time.monotonic())
    while not desk.dismissed(serving):
        if idleness.over(server.handle_metrics(), time.monotonic()):
            desk.state.unlink(missing_ok=True)
            _log(f"nobody asked for {settings.idle:g} s: it ends")
            return 0
        time.sleep(LOOK_SECONDS)
    _log("told to stop: it ends")
    return 0


def _log(line: str) -> None:
    """A line for whoever wonders where the server went; stderr is its log file."""
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
    sys.stderr.flush()


def _killed(number: int, _frame: FrameType | None) -> None:
    """Say who ended it, and end: whatever the engine is doing cannot be waited for."""
    _log(f"signal {number}: it ends")
    os._exit(128 + number)


def main() -> None:
    """Read the settings and serve."""
    for name in (signal.SIGINT, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # the terminal's; other runs may be asking
    signal.signal(signal.SIGTERM, _killed)
    call = json.load(sys.stdin)
    status = serve(Settings(**call["settings"]), Desk(Path(call["folder"]), call["key"]))
    os._exit(status)  # without the engine's destructors: they wait for open connections


if __name__ == "__main__":
    main()
