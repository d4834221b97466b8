"""Telemetry of a command: where the `OTEL_*` variables ask for it, and only for as long as the command runs."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rlm_async import __version__
from rlm_async.cli.streams import write_line
from rlm_async.telemetry.propagation import continued
from rlm_async.telemetry.settings import ExportSettings

DEBUG = "RLM_ASYNC_DEBUG"


@contextmanager
def exported(environ: Mapping[str, str] = os.environ, *, quiet: bool = False) -> Iterator[None]:
    """Export what happens in the block; what was lost is one line on stderr, unless `quiet`.

    `TRACEPARENT` in the environment is the caller's span, as other tools hand it on. A collector that is
    away costs the command nothing but the look whether it is there.
    """
    settings = ExportSettings.of(environ)
    if settings is None:
        yield
        return
    from rlm_async.telemetry.exporting import Exporting  # noqa: PLC0415 - the SDK is loaded only where it is wanted

    with _silenced(environ):
        exporting: Exporting | None = None
        try:
            exporting = Exporting.begin(settings, __version__, environ)
        except Exception as error:  # noqa: BLE001 - a boundary: an exporter's set-up must not take the command with it
            _say(
                f"telemetry is off: {type(error).__name__} while it was set up; check the OTEL_* variables", quiet=quiet
            )
        for note in exporting.notes if exporting is not None else ():
            _say(f"telemetry: {note}", quiet=quiet)
        try:
            with continued({name.lower(): environ[name] for name in ("TRACEPARENT", "TRACESTATE") if name in environ}):
                yield
        finally:
            if exporting is not None and (line := exporting.close()) is not None:
                _say(f"telemetry: {line}", quiet=quiet)


@contextmanager
def _silenced(environ: Mapping[str, str]) -> Iterator[None]:
    """The SDK tells each failed attempt, with a traceback: the tree on the screen would be torn by it."""
    log = logging.getLogger("opentelemetry")
    before = log.propagate, log.disabled
    nothing = logging.NullHandler()
    if not environ.get(DEBUG):
        log.propagate = False
        log.addHandler(nothing)
    try:
        yield
    finally:
        log.propagate, log.disabled = before
        log.removeHandler(nothing)


def _say(line: str, *, quiet: bool) -> None:
    if not quiet:
        write_line(line, sys.stderr)
