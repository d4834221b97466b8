"""Runs attacks of a corpus, each in a process of its own, and says how they ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

RUNNER = Path(__file__).with_name("attack_run.py")
ROOT = Path(__file__).resolve().parents[3]


def load(path):
    """The attacks on the language: the layer that is meant where none is named."""
    attacks = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [attack for attack in attacks if attack.get("layer", "language") == "language"]


def run(attacks):
    """Attack id -> report; `end` is `killed` where only a limit of the kernel ended it."""
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    lines = "".join(json.dumps(attack) + "\n" for attack in attacks)
    done = subprocess.run(
        [sys.executable, str(RUNNER)], input=lines.encode(), capture_output=True, env=environment, check=False
    )
    reports = [
        json.loads(line[1:]) for line in done.stdout.decode(errors="replace").split("\n") if line.startswith("\x01")
    ]
    if len(reports) != len(attacks):
        raise AssertionError(done.stderr.decode(errors="replace")[-2000:])
    return {report["id"]: report for report in reports}


def complaint(attack, report):
    """What is wrong with how an attack ended; "" if nothing."""
    end, expected = report["end"], attack["expected"]
    if report["gain"]:
        return f"gained {report['gain']}"
    if end == "broken":
        return f"the runner failed: {report['why']}"
    fine = {
        "refused": {"refused", "contained", "finished"},
        "contained": {"contained", "refused", "finished", "killed"},
        "killed": {"killed", "contained", "refused", "finished"},
        "stopped": {"stopped"},
    }[expected]
    return "" if end in fine else f"ended {end}, not {expected}: {report['why']}"
