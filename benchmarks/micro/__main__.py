"""Small parts against a stored baseline, as ratios to a calibration loop: a regression shows on any machine.

    python -m benchmarks.micro [--check] [--write] [--rounds 15] [--only WORD]

`--check` ends with status 1 where a part has become slower than its tolerance allows; `--write` stores what
was measured as the new baseline (on a quiet machine only). The baseline is `benchmarks/micro/baseline.json`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path

from benchmarks.micro import events, ledger, scheduler, wire, worker
from benchmarks.micro.cases import measured

BASELINE = Path(__file__).with_name("baseline.json")
CASES = (*ledger.CASES, *scheduler.CASES, *events.CASES, *wire.CASES, *worker.CASES)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    options = parser.parse_args()
    stored = json.loads(BASELINE.read_text())["ratios"] if BASELINE.exists() else {}
    found, slower = {}, []
    print(f"{'one operation':58}{'us':>10}{'ratio':>9}{'stored':>9}{'change':>8}")
    for case in (case for case in CASES if options.only in case.name):
        ratio, micros = measured(case, options.rounds)
        found[case.name] = round(ratio, 3)
        base = stored.get(case.name)
        change = f"{ratio / base - 1:+.0%}" if base else ""
        print(f"{case.name:58}{micros:10.1f}{ratio:9.2f}{base or float('nan'):9.2f}{change:>8}", flush=True)
        if base is None or ratio > base * case.tolerance:
            slower.append(case.name)
    if options.write:
        kept = {**stored, **found}
        about = f"Python {platform.python_version()}, {platform.machine()}; operation / step of the calibration loop"
        BASELINE.write_text(json.dumps({"about": about, "ratios": kept}, indent=2) + "\n")
    if options.check and slower:
        print(f"slower than allowed, or not in the baseline: {'; '.join(slower)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
