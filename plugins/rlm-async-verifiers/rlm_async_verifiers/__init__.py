"""rlm-async as an environment of verifiers (https://github.com/PrimeIntellect-ai/verifiers), version 0.4.

verifiers finds the classes of `__all__` by the package's name: `eval rlm-async-verifiers`, or an environment's
`taskset.id`. Read `harness` first. Without verifiers only `questions` and `scoring` can be used.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("verifiers") is None:
    __all__: list[str] = []
else:
    from rlm_async_verifiers.environment import RLMEnv, load_environment
    from rlm_async_verifiers.harness import RLMHarness
    from rlm_async_verifiers.taskset import RLMTaskset

    __all__ = ["RLMEnv", "RLMHarness", "RLMTaskset", "load_environment"]
