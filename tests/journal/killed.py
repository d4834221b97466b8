"""A program that asks one question with 200 sub-queries, and keeps the run: for tests that kill it."""

from __future__ import annotations

import sys

from rlm_async import RLM, Limits
from tests.journal.conftest import PlainSandboxes

CONTEXT = "\n".join(f"record {number}: the colour of item {number} is colour-{number}." for number in range(8_000))


def main() -> None:
    base, journal, where = sys.argv[1:]
    rlm = RLM(
        "openai/m",
        api_base=base,
        api_key="a key",
        journal=journal,
        limits=Limits(depth=1),
        strategy="repl",
        sandbox=PlainSandboxes() if where == "plain" else None,
    )
    answer = rlm.ask_sync("Which colours are there?", CONTEXT)
    print(answer.text)
    print(answer.usage.calls, answer.usage.recalled.calls)


if __name__ == "__main__":
    main()
