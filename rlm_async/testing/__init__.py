"""For tests of ours and of plugins: fakes at the edges, virtual time, and a suite for each port."""

from rlm_async.testing.executor_conformance import EXECUTOR_CLAIMS, executor_conformance
from rlm_async.testing.loopback import LoopbackServer, Served
from rlm_async.testing.model_conformance import MODEL_CLAIMS, model_conformance
from rlm_async.testing.profile_conformance import PROFILE_CLAIMS, Subject
from rlm_async.testing.sandbox_conformance import SANDBOX_CLAIMS, STOPPING_CLAIMS
from rlm_async.testing.scripted import ScriptedModel
from rlm_async.testing.virtual_time import VirtualLoop

__all__ = [
    "EXECUTOR_CLAIMS",
    "MODEL_CLAIMS",
    "PROFILE_CLAIMS",
    "SANDBOX_CLAIMS",
    "STOPPING_CLAIMS",
    "LoopbackServer",
    "ScriptedModel",
    "Served",
    "Subject",
    "VirtualLoop",
    "executor_conformance",
    "model_conformance",
]
