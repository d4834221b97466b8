"""The corpus of native attacks, with the policy switched off: the kernel's walls must hold by themselves."""

from __future__ import annotations

import json
import os

import pytest

from rlm_async.sandbox.limits import CellLimits
from tests.sandbox.wall.conftest import opened

ROOMY = CellLimits(cpu_seconds=4, grace_seconds=0.1)
"""Filling the memory takes a while."""
CASES = [f"OS{number:02}" for number in (1, 4, 6, 7, 12, 13, 15, 16, 17, 21, 22, 24, 26)]


def corpus(shared):
    lines = (shared / "attacks" / "attacks.jsonl").read_text().splitlines()
    return {case["id"]: case for case in map(json.loads, lines)}


def test_the_list_of_native_cases_is_complete(shared):
    native = [case["id"] for case in corpus(shared).values() if case.get("layer") == "os"]
    assert native == CASES


@pytest.mark.anyio
@pytest.mark.parametrize("name", CASES)
async def test_a_native_attack_ends_as_expected(name, shared):
    case = corpus(shared)[name]
    secret = "sk-SENTINEL-7f3a9c"  # noqa: S105 - none that opens anything
    os.environ["RLM_TEST_KEY"] = secret
    try:
        async with opened(**({"cell": ROOMY} if case["goal"] == "dos" and name != "OS26" else {})) as sandbox:
            before = await sandbox.run("kept = 'still here'")
            assert before.outcome == "ok", before
            output = await sandbox.run(case["code"])
            assert output.outcome == case["expected"], output
            names = await sandbox.variables()
            loot = names.get("loot", "''")
            assert "WIN" not in loot
            assert secret not in loot + output.stdout
            assert "root:" not in loot + output.stdout
            after = await sandbox.run("print(kept)")
            assert after.stdout == "still here\n"
    finally:
        del os.environ["RLM_TEST_KEY"]


@pytest.mark.anyio
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cpu", "memory", "swallow"])
async def test_limits_hold_without_the_policy(kind, shared):
    limits = CellLimits(cpu_seconds=0.4, grace_seconds=0.1, memory_bytes=96 << 20)
    async with opened(cell=limits) as sandbox:
        await sandbox.run("kept = 'still here'")
        for case in [case for case in corpus(shared).values() if case["class"] == kind]:
            output = await sandbox.run(case["code"])
            assert output.outcome in ("contained", "killed", "error"), case["id"]
            assert (await sandbox.run("print(kept)")).stdout == "still here\n", case["id"]
