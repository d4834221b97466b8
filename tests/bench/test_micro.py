"""The baseline of the small parts: ratios, so that it means the same on every machine."""

from __future__ import annotations

import itertools
import json

import pytest

from benchmarks.micro import __main__ as command
from benchmarks.micro.cases import STEPS, Case, measured


class Machine:
    """A clock on which each calibration takes `step` seconds a step, and each operation ten steps."""

    def __init__(self, speed, factor=10):
        self.speed = speed
        self.factor = factor
        self.now = 0.0
        self.turn = itertools.cycle(["calibration begins", "calibration ends", "work begins", "work ends"])

    def __call__(self):
        turn = next(self.turn)
        if turn == "calibration ends":
            self.now += STEPS * self.speed
        if turn == "work ends":
            self.now += 3 * self.factor * self.speed
        return self.now


def test_a_ratio_is_the_same_on_a_fast_and_on_a_slow_machine():
    ratios = [measured(Case("x", lambda: None, 3, clock=Machine(speed)), 2)[0] for speed in (1e-6, 1e-3)]
    assert ratios == [pytest.approx(10.0), pytest.approx(10.0)]


@pytest.mark.parametrize(("factor", "status"), [(10, 0), (15, 0), (20, 1)])
def test_the_check_fails_where_a_part_has_become_slower(tmp_path, monkeypatch, capsys, factor, status):
    baseline = tmp_path / "baseline.json"
    baseline.write_text(json.dumps({"about": "", "ratios": {"x": 10.0}}))
    monkeypatch.setattr(command, "BASELINE", baseline)
    monkeypatch.setattr(command, "CASES", (Case("x", lambda: None, 3, clock=Machine(1.0, factor)),))
    monkeypatch.setattr("sys.argv", ["micro", "--check", "--rounds", "1"])
    assert command.main() == status
    assert ("slower than allowed" in capsys.readouterr().err) == bool(status)


def test_every_part_does_what_it_times_and_stands_in_the_baseline():
    stored = json.loads(command.BASELINE.read_text())["ratios"]
    for case in command.CASES:
        if not case.name.startswith("worker"):
            case.work()  # asserts its own counts
            assert case.name in stored
