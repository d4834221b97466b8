"""What an interpreter says of a cell, made into a message that can travel."""

from __future__ import annotations

from collections.abc import Mapping

from rlm_async.sandbox.wire import Fault, Given, Result


def result_of(outcome: Mapping[str, object], cell: int) -> Result:
    """The message for what an interpreter returns; its shape as in `interpreter.Interpreter.run`."""
    error, answer, draft = outcome.get("error"), outcome.get("answer"), outcome.get("draft")
    count = outcome.get("stdout_characters", 0)
    return Result(
        cell=cell,
        stdout=_sound(outcome.get("stdout", "")),
        stdout_characters=count if isinstance(count, int) else 0,
        error=_fault(error) if isinstance(error, Mapping) else None,
        outcome=outcome.get("outcome", "ok"),  # type: ignore[arg-type]  # the host checks it
        answer=Given(value=answer["value"]) if isinstance(answer, Mapping) else None,
        draft=Given(value=draft["value"]) if isinstance(draft, Mapping) else None,
    )


def _fault(error: Mapping[str, object]) -> Fault:
    line = error.get("line")
    return Fault(
        type=_sound(error.get("type", "Error")),
        message=_sound(error.get("message", "")),
        line=line if isinstance(line, int) else 0,
        source=_sound(error.get("source", "")),
    )


def _sound(text: object) -> str:
    """Text that can travel: lone surrogates become question marks."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def clean(names: Mapping[str, str]) -> dict[str, str]:
    """Names and reprs that can travel."""
    return {_sound(name): _sound(shown) for name, shown in names.items()}
