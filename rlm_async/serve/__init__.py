"""An OpenAI-compatible HTTP server: any client gets answers about inputs of any length by its `base_url`."""

from __future__ import annotations

from rlm_async.serve.app import Serving, application
from rlm_async.serve.keys import Key, Keys

__all__ = ["Key", "Keys", "Serving", "application"]
