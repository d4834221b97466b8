"""The command line: `rlm-async`, or `python -m rlm_async`."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; the entry point of `rlm-async`."""
    try:
        from rlm_async.cli.app import run  # noqa: PLC0415 - Ctrl-C while it loads is no traceback either

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
