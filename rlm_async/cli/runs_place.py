"""Where the journal is: named, in the environment, or in the user's own data folder."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_data_path

from rlm_async.errors import ConfigError

JOURNAL = "RLM_ASYNC_JOURNAL"
DEFAULT, NONE = "default", "none"
"""Words in place of a path: the user's own journal; no journal."""

JournalFile = Annotated[
    str | None, typer.Option("--journal", metavar="FILE", help=f"Default: ${JOURNAL}, else the user's own.")
]

_SPANS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SIZES = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000, "t": 1_000_000_000_000}


def own() -> Path:
    """The user's own journal."""
    return user_data_path("rlm-async") / "journal.sqlite"


def place(given: str | None, environ: Mapping[str, str]) -> Path:
    """Where a command that reads looks."""
    named = given or environ.get(JOURNAL) or DEFAULT
    return own() if named in {DEFAULT, NONE} else Path(named)


def wanted(given: str | None, environ: Mapping[str, str]) -> Path | None:
    """Where a run is kept that is asked; None where it is not: nothing is written that nobody asked for."""
    named = given or environ.get(JOURNAL) or NONE
    if named == NONE:
        return None
    return own() if named == DEFAULT else Path(named)


def moment(option: str, text: str) -> float:
    """Seconds since the epoch of `7d`, `12h` (so long ago), `2026-11-22` or `2026-11-22T14:30`; raises ConfigError."""
    if span := re.fullmatch(r"(\d+(?:\.\d+)?)([mhdw])", text.strip()):
        return time.time() - float(span[1]) * _SPANS[span[2]]
    try:
        date = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigError(f"{option} {text!r}: write 30m, 12h, 7d, 4w, or a date such as 2026-11-22") from error
    return (date if date.tzinfo else date.astimezone()).timestamp()


def size(option: str, text: str) -> int:
    """Bytes of `500M`, `2G`; raises ConfigError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmgt]?)b?", text.strip().lower())
    if found is None:
        raise ConfigError(f"{option} {text!r}: write a size such as 500M or 2G")
    return int(float(found[1]) * _SIZES[found[2]])


def when(seconds: float) -> str:
    """A moment as a person reads it, in local time."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
