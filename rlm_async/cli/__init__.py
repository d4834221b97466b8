"""The command line: `rlm-async`, or `python -m rlm_async`."""

from __future__ import annotations

from rlm_async.cli.app import main

__all__ = ["main"]
