"""The environment: one seat, played by an RLM in this process."""

from __future__ import annotations

from pathlib import Path

import verifiers.v1 as vf
from verifiers.v1.utils.loaders import load_environment as load

from rlm_async_verifiers.harness import RLMHarness, RLMHarnessConfig
from rlm_async_verifiers.taskset import RLMTasksetConfig

ID = "rlm-async-verifiers"


class RLMEnvConfig(vf.SingleAgentEnvConfig):
    """A single agent's, whose runtime is this process: the harness needs no other."""

    agent: vf.AgentConfig = vf.AgentConfig(runtime=vf.SubprocessConfig())


class RLMEnv(vf.Env[RLMEnvConfig]):
    """One rollout is one question."""

    async def run(self, task: vf.Task, agents: vf.Agents) -> None:
        """Let the agent answer."""
        await agents.agent.run(task)


def load_environment(questions: str | Path, **settings: object) -> vf.Env:
    """The environment of a file of questions; `settings` are those of `RLMHarnessConfig`."""
    agent = vf.AgentConfig(
        harness=RLMHarnessConfig.model_validate({**settings, "id": ID}), runtime=vf.SubprocessConfig()
    )
    taskset = RLMTasksetConfig(id=ID, questions=Path(questions))
    return load(RLMEnvConfig(taskset=taskset, agent=agent))


__all__ = ["RLMEnv", "RLMEnvConfig", "RLMHarness", "load_environment"]
