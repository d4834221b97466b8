"""Runs examples one after another in the interpreter of the frameworks: blocks in as JSON, what each printed out.

One process for all: importing what they have in common takes longer than all the examples.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import traceback


def main() -> None:
    blocks = json.load(sys.stdin)
    for name, block in blocks.items():
        printed = io.StringIO()
        error = ""
        with contextlib.redirect_stdout(printed):
            try:
                exec(compile(block, name, "exec"), {"__name__": "__main__"})  # noqa: S102 - our own docs
            except (Exception, SystemExit):  # noqa: BLE001 - told to the test
                error = traceback.format_exc()
        print(json.dumps({"name": name, "printed": printed.getvalue(), "error": error}), flush=True)


if __name__ == "__main__":
    main()
