"""`python -m rlm_async`: the command line."""

from __future__ import annotations

from rlm_async.cli import main

if __name__ == "__main__":
    main()
