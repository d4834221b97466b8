"""Profiles on the command line: listed, made from the template, checked against the suite."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from rlm_async.cli.report import FAILED
from rlm_async.cli.streams import write_line
from rlm_async.errors import RLMError
from rlm_async.ports import SandboxFactory
from rlm_async.profiles import installed, load
from rlm_async.profiles.template import new_plugin
from rlm_async.sandbox import Sandbox
from rlm_async.testing import PROFILE_CLAIMS, Subject


def listed() -> int:
    """Print each installed profile; one that cannot be loaded is told, and the others still are."""
    status = 0
    for name in installed():
        try:
            profile = load(name)
        except RLMError as error:
            write_line(f"{name}: {error}", sys.stderr)
            status = FAILED
            continue
        write_line(f"{name}: {profile.about}", sys.stdout)
        for signature, line in profile.functions.items():
            write_line(f"    {signature}: {line}", sys.stdout)
        if profile.schemas:
            write_line(f"    schemas: {', '.join(profile.schemas)}", sys.stdout)
    if not installed():
        write_line("no profile is installed; `rlm-async profile new NAME` makes one", sys.stdout)
    return status


def made(name: str, folder: Path) -> int:
    """Write a new plugin, and say what comes next."""
    for path in new_plugin(name, folder):
        write_line(str(path), sys.stdout)
    write_line(f"next: pip install --editable {folder} && rlm-async profile check {name}", sys.stderr)
    return 0


def checked(name: str, data: Path | None) -> int:
    """Run every claim of the suite, one line each."""
    load(name)  # a plugin that is not there, or broken, is told in its own words
    return anyio.run(_checked, Subject(name, _connect, data), backend="asyncio")


async def _checked(subject: Subject) -> int:
    status = 0
    for claim in PROFILE_CLAIMS:
        told = claim.__name__.replace("_", " ")
        try:
            await claim(subject)
        except AssertionError as failure:
            write_line(f"FAILS  {told}: {failure}", sys.stdout)
            status = FAILED
        except Exception as error:  # noqa: BLE001 - a boundary: `fits` and `prepare` are a plugin's, and may raise anything
            write_line(f"FAILS  {told}: {type(error).__name__}: {error}", sys.stdout)
            status = FAILED
        else:
            write_line(f"holds  {told}", sys.stdout)
    return status


@asynccontextmanager
async def _connect(seconds: float) -> AsyncIterator[SandboxFactory]:  # noqa: ARG001 - a profile's functions have the default time
    async with Sandbox() as factory:
        yield factory
