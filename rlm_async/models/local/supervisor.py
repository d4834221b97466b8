"""Finds the machine's one server for some weights, or starts it; stops it when asked.

There is no process that watches. Who needs the server looks for it: a lock that only a living server
holds, and a file with its address. Who finds none takes the starter's lock, so that ten programs that
begin at once start one server between them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from rlm_async.errors import ConfigError, ModelUnavailable
from rlm_async.models.local.lock import POLL_SECONDS, holding, is_taken
from rlm_async.models.local.progress import Reporter
from rlm_async.models.local.settings import Desk, Serving, Settings, runtime_folder
from rlm_async.models.local.weights import mebibytes

START_SECONDS = 300.0
"""For a slow disk to deliver two gigabytes."""
STOP_SECONDS = 15.0
ENDING_SECONDS = 0.5
ENGINE = "xllamacpp"
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)


class Supervisor:
    """The host's side of the local servers of one runtime folder."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """`folder` holds the locks and addresses; servers inherit `environ`, secrets left out."""
        self.folder = folder
        self.environ = environ

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Supervisor:
        """The one of this user; raises ConfigError if the runtime folder is not safe."""
        return cls(runtime_folder(environ), environ)

    def find(self, settings: Settings) -> Serving | None:
        """The running server, or None."""
        return _living(Desk(self.folder, settings.key))

    def ended(self, settings: Settings, serving: Serving) -> bool:
        """Whether `serving`, over which a call has just failed, is no more.

        A dying process closes its connections before it lets go of its lock, so this looks for a while.
        """
        end = time.monotonic() + ENDING_SECONDS
        while self.find(settings) == serving:
            if time.monotonic() > end:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def ensure(self, settings: Settings, report: Reporter) -> Serving:
        """The running server, started if there is none. Blocks, for seconds, until it is ready.

        Raises ConfigError (no engine, weights that do not load) or ModelUnavailable (not ready in time).
        """
        desk = Desk(self.folder, settings.key)
        if (serving := _living(desk)) is not None:
            return serving
        busy = f"another process has been starting {settings.name} for {START_SECONDS:.0f} s: see {desk.log}"
        with holding(desk.starting, START_SECONDS, busy):
            if (serving := _living(desk)) is not None:
                return serving
            report.say(f"starting {settings.name} on this machine ({mebibytes(Path(settings.model).stat().st_size)})")
            return self._start(settings, desk)

    def serving(self) -> list[Serving]:
        """All servers that run now."""
        desks = [Desk(self.folder, path.stem) for path in sorted(self.folder.glob("*.alive"))]
        return [found for desk in desks if (found := _living(desk)) is not None]

    def stop(self, settings: Settings | None = None) -> int:
        """End the server of `settings`, or all; how many there were. Waits until they are gone."""
        keys = [settings.key] if settings else [path.stem for path in self.folder.glob("*.alive")]
        return sum(_stop(Desk(self.folder, key)) for key in keys)

    def stop_using(self, model: Path) -> int:
        """End the servers of a file of weights that is about to go; how many there were."""
        desks = [Desk(self.folder, path.stem) for path in self.folder.glob("*.alive")]
        wanted = str(model.resolve())
        return sum(_stop(desk) for desk in desks if (found := desk.read()) is not None and found.model == wanted)

    def _start(self, settings: Settings, desk: Desk) -> Serving:
        if importlib.util.find_spec(ENGINE) is None:
            raise ConfigError("the local model needs its engine: pip install 'rlm-async[local]'")
        desk.state.unlink(missing_ok=True)
        with desk.log.open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "rlm_async.models.local.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self.folder,
                env=self._environ(),
                start_new_session=True,  # Ctrl-C in the user's terminal is not for it
            )
        call = {"settings": asdict(settings), "folder": str(self.folder), "key": desk.key}
        if child.stdin is not None:
            with suppress(BrokenPipeError), child.stdin as pipe:
                pipe.write(json.dumps(call).encode())
        serving = _ready(child, desk, settings)
        # It outlives this program, or not: somebody has to take its exit status in that case
        threading.Thread(target=child.wait, name="local-model-reaper", daemon=True).start()
        return serving

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in self.environ.items() if not _SECRET.search(name)}
        root = str(Path(__file__).parents[3])
        path = os.pathsep.join(filter(None, (root, kept.get("PYTHONPATH"))))
        # libgomp reads it once, when it is loaded: threads that spin while they wait halve the speed
        return {"OMP_WAIT_POLICY": "passive", **kept, "PYTHONPATH": path}


def _living(desk: Desk) -> Serving | None:
    """The server at a desk. The order matters: a living server removes its address before it lets go."""
    return desk.read() if is_taken(desk.alive) else None


def _ready(child: subprocess.Popen[bytes], desk: Desk, settings: Settings) -> Serving:
    """The server that `child` has become; raises if it died or takes too long."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        serving = desk.read()
        if serving is not None and serving.pid == child.pid:
            return serving
        if child.poll() is not None:
            raise ConfigError(_died(child.returncode, desk, settings))
        time.sleep(POLL_SECONDS)
    child.kill()
    child.wait()
    raise ModelUnavailable(f"{settings.name} was not ready within {START_SECONDS:.0f} s: see {desk.log}")


def _died(status: int, desk: Desk, settings: Settings) -> str:
    if status == -signal.SIGKILL:
        return f"{settings.name} was killed while it was loading: most likely there is too little memory for it"
    lines = [line for line in desk.log.read_text("utf-8", "replace").splitlines() if line.strip()]
    said = lines[-1].strip()[:200] if lines else f"exit status {status}"
    return f"the engine could not load {settings.model} ({said}); more in {desk.log}"


def _stop(desk: Desk) -> bool:
    """End one server by taking its address away; whether there was one."""
    if not is_taken(desk.alive):
        return False
    end = time.monotonic() + STOP_SECONDS
    while is_taken(desk.alive):
        desk.state.unlink(missing_ok=True)
        if time.monotonic() > end:
            raise ModelUnavailable(f"a local server does not end: see {desk.log}, or end its process")
        time.sleep(POLL_SECONDS)
    return True
