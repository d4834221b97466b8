"""For tests of ours and of plugins: fakes at the edges, virtual time, and a suite for each port."""

from rlm_async.testing.loopback import LoopbackServer, Served
from rlm_async.testing.model_conformance import MODEL_CLAIMS, model_conformance
from rlm_async.testing.scripted import ScriptedModel
from rlm_async.testing.virtual_time import VirtualLoop

__all__ = ["MODEL_CLAIMS", "LoopbackServer", "ScriptedModel", "Served", "VirtualLoop", "model_conformance"]
