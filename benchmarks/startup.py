"""What `import rlm_async` costs over a bare interpreter, in milliseconds; medians of 15, taken in turn.

python -m benchmarks.startup
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

CASES = {
    "bare interpreter": "pass",
    "import rlm_async": "import rlm_async",
    "from rlm_async import RLM": "from rlm_async import RLM",
}
ROUNDS = 15


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, code in CASES.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times[name].append((time.perf_counter() - began) * 1000)
    bare = statistics.median(times["bare interpreter"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:28}{median:8.1f} ms   {median - bare:+8.1f} ms")


if __name__ == "__main__":
    main()
