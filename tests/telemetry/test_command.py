"""Telemetry of a command: what it says, and that nothing of it is left when the command ends."""

from __future__ import annotations

import logging

import pytest

from rlm_async.cli.telemetry import exported
from rlm_async.telemetry import exporting
from rlm_async.telemetry.propagation import carried

SEEN = {"OTEL_TRACES_EXPORTER": "console"}
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Begun:
    """Stands for the export itself: providers are global, and a test must not set them."""

    notes = ("a remark",)
    closed = 0

    @classmethod
    def begin(cls, settings, version, environ):
        return cls()

    def close(self):
        type(self).closed += 1
        return "7 of 9 spans are lost: no reason"


@pytest.fixture
def begun(monkeypatch):
    monkeypatch.setattr(exporting, "Exporting", Begun)
    Begun.closed = 0
    return Begun


def test_remarks_and_losses_are_lines_on_stderr(begun, capsys):
    with exported(SEEN):
        assert capsys.readouterr().err == "telemetry: a remark\n"
    assert capsys.readouterr() == ("", "telemetry: 7 of 9 spans are lost: no reason\n")
    assert begun.closed == 1


def test_quiet_is_quiet(begun, capsys):
    with exported(SEEN, quiet=True):
        pass
    assert capsys.readouterr() == ("", "")


def test_what_is_left_is_sent_however_the_command_ends(begun):
    with pytest.raises(KeyboardInterrupt), exported(SEEN):
        raise KeyboardInterrupt
    assert begun.closed == 1


def test_the_callers_span_of_the_environment_is_the_current_one(begun):
    with exported({**SEEN, "TRACEPARENT": PARENT}, quiet=True):
        assert carried() == {"traceparent": PARENT}
    assert carried() == {}


def test_a_set_up_that_fails_takes_nothing_with_it_and_tells_no_text(begun, monkeypatch, capsys):
    def fail(*_):
        raise ValueError("header: a secret")

    monkeypatch.setattr(begun, "begin", fail)
    with exported(SEEN):
        pass
    said = capsys.readouterr().err
    assert said == "telemetry is off: ValueError while it was set up; check the OTEL_* variables\n"


def test_the_sdks_own_log_is_silent_while_a_command_runs_and_as_before_after(begun, capsys):
    log = logging.getLogger("opentelemetry")
    before = (log.propagate, list(log.handlers))
    with exported(SEEN, quiet=True):
        logging.getLogger("opentelemetry.exporter").error("Failed to export to http://user:secret@host")
    assert "secret" not in capsys.readouterr().err
    assert (log.propagate, list(log.handlers)) == before
