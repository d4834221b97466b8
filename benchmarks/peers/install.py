"""Installs each peer into an environment of its own, outside this repository.

    python -m benchmarks.peers.install [--home ~/.cache/rlm-async/peers] [NAME ...]

Versions are pinned, so that figures can be repeated; --latest takes what there is.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

HOME = Path("~/.cache/rlm-async/peers")
PEERS = {
    "rlms": "rlms==0.1.3",
    "recursive-llm": "recursive-llm==0.5.0",
    "recursive-flow": "recursive-flow[openai]==0.4.2",
    "minrlm": "minrlm==0.1.5",
    "dspy": "dspy==3.4.1",
}


def python_of(home: Path, name: str) -> Path:
    return home.expanduser() / name / "bin" / "python"


def install(home: Path, name: str, wanted: str) -> None:
    python = python_of(home, name)
    if not python.exists():
        venv.create(python.parent.parent, with_pip=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", wanted], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *PEERS], help="default: all")
    parser.add_argument("--home", type=Path, default=HOME)
    parser.add_argument("--latest", action="store_true", help="the newest releases instead of the pinned ones")
    options = parser.parse_args()
    failed = []
    for name, pinned in PEERS.items():
        if options.names and name not in options.names:
            continue
        print(f"{name} ...", flush=True)
        try:
            install(options.home, name, pinned.partition("==")[0] if options.latest else pinned)
        except subprocess.CalledProcessError:
            failed.append(name)
    if failed:
        sys.exit(f"not installed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
