"""The corpus of native attacks, with the policy switched off: the kernel's walls must hold by themselves."""

from __future__ import annotations

import json
import os

import pytest
from conftest import opened

from rlm_async.sandbox.limits import CellLimits

ROOMY = CellLimits(cpu_seconds=4, grace_seconds=0.1)
"""Filling the memory takes a while."""
CASES = "OS01 OS04 OS06 OS07 OS12 OS13 OS15 OS16 OS17 OS21 OS22 OS24 OS26".split()


def corpus(shared):
    lines = (shared / "attacks" / "attacks.jsonl").read_text().splitlines()
    return {case["id"]: case for case in map(json.loads, lines)}


def test_the_list_of_native_cases_is_complete(shared):
    assert CASES == [case["id"] for case in corpus(shared).values() if case.get("layer") == "os"]


@pytest.mark.anyio
@pytest.mark.parametrize("name", CASES)
async def test_a_native_attack_ends_as_expected(name, shared):
    case = corpus(shared)[name]
    secret = "sk-SENTINEL-7f3a9c"
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
