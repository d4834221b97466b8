"""The outermost boundary of each command: every end becomes an exit status, every error one line."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable

import typer

from rlm_async.cli.interruption import SIGNALLED
from rlm_async.cli.report import FAILED, MISUSED, error_line
from rlm_async.cli.streams import write_line
from rlm_async.cli.text import one_line
from rlm_async.errors import ConfigError, RLMError

DEBUG = "RLM_ASYNC_DEBUG"


def guarded(work: Callable[[], int]) -> None:
    """Run a command and end with the status that it returns; raises typer.Exit, nothing else."""
    status = _status(work)
    if status > SIGNALLED:
        leave(status)
    raise typer.Exit(status)


def leave(status: int) -> None:
    """End the process now. A thread that still waits, for a slow disk or a pipe, must not hold it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # nobody reads it any more
    os._exit(status)


def _status(work: Callable[[], int]) -> int:
    try:
        return work()
    except KeyboardInterrupt:
        write_line("interrupted", sys.stderr)
        return SIGNALLED + signal.SIGINT
    except ConfigError as error:
        write_line(error_line(error), sys.stderr)
        return MISUSED
    except RLMError as error:
        write_line(error_line(error), sys.stderr)
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last boundary: a bug of ours is one line, too
        write_line(_bug(error), sys.stderr)
        return FAILED


def _bug(error: Exception) -> str:
    if os.environ.get(DEBUG):
        return "".join(traceback.format_exception(error)).rstrip()
    said = one_line(f"{type(error).__name__}: {error}", 300)
    return f"error: a bug in rlm-async ({said}); set {DEBUG}=1 to see where"
