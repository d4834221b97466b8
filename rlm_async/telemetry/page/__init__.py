"""A run as one HTML page: opens from disk, asks the network for nothing, needs nothing installed.

`save(answer.trace, "run.html")` writes it; `render` gives the text.
"""

from __future__ import annotations

from rlm_async.telemetry.page.document import render, save

__all__ = ["render", "save"]
