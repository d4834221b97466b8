"""The embedded local model: a small language model on this machine, without a key, a provider or a GPU.

`open_local` gives the Model; `install`, `installed`, `remove` and `status` are for the command line.
"""

from __future__ import annotations

from rlm_async.models.local.choice import Choice, choose, is_local
from rlm_async.models.local.install import install, installed, remove
from rlm_async.models.local.model import LocalModel
from rlm_async.models.local.opening import open_local
from rlm_async.models.local.progress import Reporter, reporter
from rlm_async.models.local.status import LocalStatus, status
from rlm_async.models.local.supervisor import Supervisor
from rlm_async.models.local.weights import DEFAULT, WEIGHTS, Weights, find

__all__ = [
    "DEFAULT",
    "WEIGHTS",
    "Choice",
    "LocalModel",
    "LocalStatus",
    "Reporter",
    "Supervisor",
    "Weights",
    "choose",
    "find",
    "install",
    "installed",
    "is_local",
    "open_local",
    "remove",
    "reporter",
    "status",
]
