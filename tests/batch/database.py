"""A PostgreSQL server for tests, on loopback, run by a user who is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path


def binaries():
    """The newest installed server's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return None if initdb is None else Path(initdb).parent


class Server:
    """Serves for the length of a `with` block; `restart` is as abrupt as a crash."""

    def __init__(self):
        self.bin = binaries()
        self.user = (
            None
            if os.getuid()
            else next(name for name in ("postgres", "nobody") if any(entry.pw_name == name for entry in pwd.getpwall()))
        )
        self.folder = Path(tempfile.mkdtemp(prefix="rlm-async-pg-"))
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        self.url = f"postgresql://rlm@127.0.0.1:{self.port}/postgres"

    def __enter__(self):
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        self._run("initdb", "-D", self.folder / "data", "-U", "rlm", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
        self._control("start")
        return self

    def __exit__(self, *_):
        self._control("stop", "-m", "immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self):
        self._control("restart", "-m", "immediate")

    def _control(self, *what):
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=200"
        self._run("pg_ctl", *what, "-w", "-D", self.folder / "data", "-l", self.folder / "log", "-o", settings)

    def _run(self, program, *arguments):
        done = subprocess.run(
            [self.bin / program, *arguments],
            user=self.user, cwd=self.folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
