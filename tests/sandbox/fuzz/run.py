"""Fuzz the policy or the wire with atheris: `python -m tests.sandbox.fuzz.run policy|wire [SECONDS]`.

Starts from the attack corpora, and from one message of each kind. What is found is written to
`crash-…` in the current directory, as libFuzzer does, with the assertion that it breaks.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rlm_async.sandbox"]):
    from rlm_async.sandbox.wire import frame
    from tests.sandbox.fuzz import targets

_LONG = 20
"""Seconds from which all seeds are worth their time."""


def of_policy(data):
    """Bytes as source."""
    targets.policy(data.decode("utf-8", "replace"), seconds=0.5)


def of_wire(data):
    """Bytes as a stream of frames, and as the body of one."""
    targets.frames(data)
    targets.message(data)


def seeded(name, folder, step):
    """Write every so many of the seeds as files, which is how libFuzzer takes them."""
    if name == "policy":
        texts = [source.encode("utf-8", "replace") for source in targets.seeds() if len(source) < 600]
    else:
        texts = [part for message in targets.FRAMES for part in (frame(message), frame(message)[4:])]
    for number, text in enumerate(texts[::step]):
        (folder / f"{number:04}").write_bytes(text)


def main():
    """Run until the time is over or something breaks."""
    name, seconds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60
    with tempfile.TemporaryDirectory() as folder:
        seeded(name, Path(folder), 1 if seconds > _LONG else 12)
        options = [f"-max_total_time={seconds}", "-max_len=2000", "-rss_limit_mb=4000", "-timeout=20", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *options, folder], of_policy if name == "policy" else of_wire)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
