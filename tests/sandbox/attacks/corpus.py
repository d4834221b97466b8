"""Attacks as they are told apart: where they come from, how they are run, and what their words mean."""

from __future__ import annotations

import json
from pathlib import Path

from rlm_async.sandbox.limits import CellLimits
from rlm_async.sandbox.trial import exec_cells

OWN = Path(__file__).with_name("own.jsonl")
SECRET = "sk-SENTINEL-7f3a9c"  # noqa: S105 - none that opens anything
BAIT = ("WIN", SECRET, "root:x:", "uid=", " at 0x")
"""What would show in a variable or in the output if something had been gained."""

QUICK = CellLimits(cpu_seconds=0.2, grace_seconds=0.1, memory_bytes=128 << 20)
"""For what only a limit of time ends."""
ROOMY = CellLimits(cpu_seconds=8, grace_seconds=0.1, memory_bytes=128 << 20)
"""For what ends by itself: filling the memory takes a while."""

INERT = {
    "CG16": "ok",  # dir() of a function is empty
    "FR15": "ok",  # __exit__ is handed None instead of a traceback
    "IH02": "error",  # the object that compares is no prompt
    "OU05": "ok",  # a long text is a variable like others; as an answer it would be refused
    "SL01": "ok",  # the text of the host's error is ours
    "TM03": "ok",  # what type() gives for a function has a name, and nothing else
    "UN02": "ok",  # the default of getattr
    "UN05": "ok",  # a comment
}
"""Attacks that the corpus calls contained because what they get is worthless: how their cells really end."""


def load(path):
    """The attacks of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def word(attack):
    """The outcome that is expected of `rlm-async sandbox exec` with its default walls."""
    if attack.get("layer") == "protocol":
        return "ok"  # bytes are only a frame once they are on the wire; see tests/sandbox/wall/test_wire.py
    if attack.get("layer") == "os":
        return "contained" if attack["expected"] == "contained" else "refused"  # the policy comes first
    return INERT.get(attack["id"], attack["expected"])


def complaint(report, expected):
    """What is wrong with how an attack ended; "" if nothing."""
    if report["outcome"] != expected:
        return f"{report['outcome']} instead of {expected}: {report['error']}"
    seen = report["variables"].get("loot", "") + report["stdout"]
    return next((f"gained {bait!r}" for bait in BAIT if bait in seen), "")


async def complaints(factories, attacks):
    """Attack id -> what is wrong, for those where something is; each in a session of its own."""
    wrong = {}
    for attack in attacks:
        expected = word(attack)
        report = await exec_cells(factories["killed" if expected == "killed" else "other"], attack["code"], "ctx")
        if text := complaint(report, expected):
            wrong[attack["id"]] = text
    return wrong
