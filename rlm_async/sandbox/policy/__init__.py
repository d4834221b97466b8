"""The language of the sandbox: which Python model-written code may use, and what every operation of it may reach.

`compile_cell` checks and rewrites source; `Guards` gives it the namespace it runs in; `audit` walks all that
code could reach. RestrictedPython's grammar is the base; what its manual leaves to the user is here.
"""

from rlm_async.sandbox.handles import Handle, deep_touch, touch
from rlm_async.sandbox.policy.audits import audit
from rlm_async.sandbox.policy.cells import Cell, compile_cell
from rlm_async.sandbox.policy.guards import Guards, Settling
from rlm_async.sandbox.policy.names import is_hidden
from rlm_async.sandbox.policy.refusals import PolicyError, is_refusal

__all__ = [
    "Cell", "Guards", "Handle", "PolicyError", "Settling", "audit", "compile_cell", "deep_touch", "is_hidden",
    "is_refusal", "touch",
]  # fmt: skip
