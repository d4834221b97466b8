"""The tasks: questions about long inputs, rewarded by their gold answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import verifiers.v1 as vf

from rlm_async.errors import ConfigError
from rlm_async_verifiers.questions import Input, questions
from rlm_async_verifiers.scoring import scored

STATUS = "rlm_status"
"""Where a trace's `info` holds how the run ended."""


class RLMTaskData(vf.TaskData):
    """A question, its input, and its gold answer. The input is never in a prompt: code reads it."""

    context: Input = None
    paths: tuple[str, ...] = ()
    answer: str = ""
    kind: str = "exact"


class RLMTask(vf.Task[RLMTaskData]):
    """Rewards the answer that the run came to, which is not always the last reply: code may have set it."""

    @vf.reward
    async def right(self, trace: vf.Trace) -> float:
        """The score against the gold answer; 0 where there is no answer."""
        if trace.info.get(STATUS) not in {"complete", "partial"}:
            return 0.0
        return scored(self.data.kind, trace.root_reply or "", self.data.answer)


class RLMTasksetConfig(vf.TasksetConfig):
    """Which questions."""

    questions: Path | None = None
    """A file with one JSON object a line: question, answer, context or paths, perhaps id and kind."""


class RLMTaskset(vf.Taskset[RLMTask, RLMTasksetConfig]):
    """The questions of a file."""

    def load(self) -> Iterator[RLMTask]:
        """Each question as a task. Raises ConfigError."""
        if self.config.questions is None:
            raise ConfigError("--env.taskset.questions: name a file of questions, one JSON object a line")
        for asked in questions(self.config.questions):
            data = RLMTaskData(
                id=asked.id,
                prompt=asked.question,
                context=asked.context,
                paths=asked.paths,
                answer=asked.answer,
                kind=asked.kind,
            )
            yield RLMTask(data, self.config.task)
