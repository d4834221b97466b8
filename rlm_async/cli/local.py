"""The commands about the model on this machine: install, status, remove, stop."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict

from rlm_async.cli.streams import write, write_line
from rlm_async.cli.text import as_json as json_line
from rlm_async.core.data import plain
from rlm_async.models.local.install import install as fetch
from rlm_async.models.local.install import remove as delete
from rlm_async.models.local.progress import reporter
from rlm_async.models.local.status import Held, LocalStatus
from rlm_async.models.local.status import status as look
from rlm_async.models.local.supervisor import Supervisor
from rlm_async.models.local.weights import DEFAULT, find, mebibytes


def install(name: str | None) -> int:
    """Fetch weights; what was begun before is taken up again. The exit status."""
    weights = DEFAULT if name is None else find(name)
    with reporter(sys.stderr) as told:
        fetch(weights.name, told)
    write_line(f"rlm-async ask --model local:{weights.name} …  now answers on this machine", sys.stderr)
    return 0


def status(*, as_json: bool) -> int:
    """Print what there is; exit status 0 where `local` would answer, else 1."""
    found = look()
    if as_json:
        write_line(json_line(_fields(found)), sys.stdout)
    else:
        write("\n".join((*lines(found), "")), sys.stdout)
    return 0 if found.usable else 1


def remove(name: str) -> int:
    """Delete weights."""
    weights = find(name)
    freed = delete(weights.name)
    said = f"removed {weights.name}: {mebibytes(freed)} are free again" if freed else f"{weights.name} was not there"
    write_line(said, sys.stderr)
    return 0


def stop() -> int:
    """End the servers of this user."""
    ended = Supervisor.of(os.environ).stop()
    write_line(
        f"ended {ended} local server{'' if ended == 1 else 's'}" if ended else "no local server runs", sys.stderr
    )
    return 0


def lines(found: LocalStatus) -> list[str]:
    """The status for a person."""
    chosen = "nothing yet" if found.chosen is None else found.chosen.note
    memory = "unknown" if found.free_memory is None else mebibytes(found.free_memory)
    told = [
        f"engine: {'xllamacpp ' + found.engine if found.engine else 'not installed'}",
        f"'local' means: {chosen}",
        "weights:",
        *(f"  {_held(held)}" for held in found.weights),
        *(f"server: {one.name} at {one.address}, process {one.pid}" for one in found.servers),
        f"folder: {found.folder} ({mebibytes(found.free_disk)} free); memory free: {memory}",
    ]
    return [*told, *(f"problem: {problem}" for problem in found.problems)]


def _held(held: Held) -> str:
    weights = held.weights
    if held.path is not None:
        where = f"installed: {held.path}"
    elif held.begun:
        where = f"{mebibytes(held.begun)} fetched; 'rlm-async local install {weights.name}' goes on"
    else:
        where = "not installed"
    return f"{weights.name} ({mebibytes(weights.size)}, {weights.licence}): {where}"


def _fields(found: LocalStatus) -> dict[str, object]:
    """The status for programs; the servers' keys stay here."""
    return {
        "usable": found.usable,
        "engine": found.engine,
        "local": None if found.chosen is None else found.chosen.name,
        "weights": [
            {
                "name": held.weights.name,
                "size": held.weights.size,
                "path": None if held.path is None else str(held.path),
                "begun": held.begun,
            }
            for held in found.weights
        ],
        "servers": [
            {key: plain(value) for key, value in asdict(one).items() if key != "api_key"} for one in found.servers
        ],
        "folder": str(found.folder),
        "free_disk": found.free_disk,
        "free_memory": found.free_memory,
        "problems": list(found.problems),
    }
