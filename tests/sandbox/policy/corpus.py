"""Runs attacks of a corpus, each in a process of its own, and says how they ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

RUNNER = Path(__file__).with_name("attack_run.py")
ROOT = Path(__file__).resolve().parents[3]
WALL = 20


def load(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def run(attack):
    """The report of one attack; `end` is `killed` where only a limit of the kernel ended it."""
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    with subprocess.Popen(
        [sys.executable, str(RUNNER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment, start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(json.dumps(attack).encode(), timeout=WALL)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return {"end": "killed", "why": "wall clock", "gain": "", "out": 0}
    for line in out.decode(errors="replace").split("\n"):
        if line.startswith("\x01"):
            return json.loads(line[1:])
    if process.returncode < 0 or process.returncode == 137:
        return {"end": "killed", "why": f"signal {-process.returncode}", "gain": "", "out": 0}
    return {"end": "broken", "why": err.decode(errors="replace")[-600:], "gain": "", "out": 0}
