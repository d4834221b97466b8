"""A worker's result, made into the package's own `Output`."""

from __future__ import annotations

from rlm_async.core.transcript import CodeError, Output, Submission
from rlm_async.sandbox.wire import Result


def output_of(result: Result, *, seconds: float, cpu_seconds: float = 0.0) -> Output:
    """The output; times are the host's own where it has measured them."""
    fault = result.error
    return Output(
        stdout=result.stdout,
        stdout_characters=max(result.stdout_characters, len(result.stdout)),
        error=CodeError(fault.type, fault.message, fault.line, fault.source) if fault else None,
        outcome=result.outcome,
        answer=None if result.answer is None else Submission(result.answer.value),
        draft=None if result.draft is None else Submission(result.draft.value),
        seconds=seconds,
        cpu_seconds=cpu_seconds or result.cpu_seconds,
    )
