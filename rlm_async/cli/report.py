"""What is printed when a question has ended: the answer on stdout, one line about the run on stderr."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field

from rlm_async.cli.amounts import characters, count, duration, money
from rlm_async.cli.interruption import SIGNALLED
from rlm_async.cli.progress import Progress
from rlm_async.cli.text import as_json, one_line, visible
from rlm_async.core.answer import Answer
from rlm_async.core.citations import Citation
from rlm_async.core.context import Context
from rlm_async.core.data import Data
from rlm_async.core.graph import State
from rlm_async.core.query import Status
from rlm_async.core.usage import NANO
from rlm_async.errors import ConfigError, RLMError, Unanswered

COMPLETE, FAILED, MISUSED, PARTIAL = 0, 1, 2, 3
LONGEST_ERROR = 2_000
LONGEST_QUOTE = 300
_OPTIONS = tuple(
    (re.compile(rf"(?<![\w-]){re.escape(name)}(?!\w)"), option)
    for name, option in (
        ("api_base", "--api-base"),
        ("api_key", "--api-key-env"),
        ("sub_model", "--sub-model"),
        ("Sandbox(mode='process')", "--sandbox process"),
    )
)
"""Names of the Python interface in error texts, and the options that stand for them here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a question ended: with an answer, with an error, or by a signal."""

    progress: Progress = field(default_factory=Progress)
    answer: Answer | None = None
    error: RLMError | None = None
    signal: int | None = None

    @property
    def status(self) -> Status:
        """`partial` also where a signal left a draft."""
        if self.signal is not None:
            return "partial" if self.progress.draft else "failed"
        return "failed" if self.error is not None or self.answer is None else self.answer.status

    @property
    def text(self) -> str:
        """The answer, or the last draft."""
        if self.signal is not None:
            return self.progress.draft or ""
        return "" if self.answer is None else self.answer.text

    @property
    def exit_status(self) -> int:
        """0 complete, 1 failed, 2 wrong usage or configuration, 3 partial, 128 and the number of a signal."""
        if self.signal is not None:
            return SIGNALLED + self.signal
        if isinstance(self.error, ConfigError):
            return MISUSED
        return {"complete": COMPLETE, "partial": PARTIAL, "failed": FAILED}[self.status]


def answer_text(ending: Ending) -> str:
    """What goes to stdout: the answer as a terminal may be shown it, then its quotes; empty where there is none."""
    text = visible(ending.text)
    quotes = ending.answer.citations if ending.answer is not None and ending.signal is None else ()
    lines = [text.removesuffix("\n"), *(_quoted(number, quote) for number, quote in enumerate(quotes, 1))]
    return "\n".join(lines) + "\n" if text or quotes else ""


def answer_json(ending: Ending) -> str:
    """The same for programs: one JSON object on one line."""
    return f"{as_json(fields(ending))}\n"


def fields(ending: Ending) -> dict[str, Data]:
    """`text`, `data`, `status`, `usage`, `run`; `limit` and `error` where there are such."""
    answer = ending.answer
    found: dict[str, Data] = {
        "text": ending.text,
        "data": None if answer is None else answer.data,
        "status": ending.status,
        "usage": _usage(ending),
        "run": _run(ending),
    }
    if answer is not None and answer.citations:
        found["citations"] = [asdict(citation) for citation in answer.citations]
    if answer is not None and answer.limit:
        found["limit"] = answer.limit
    if ending.signal is not None:
        found["error"] = "interrupted"
    elif ending.error is not None:
        found["error"] = str(ending.error)
    return found


def _quoted(number: int, citation: Citation) -> str:
    place = f"{visible(citation.document)}, characters {citation.start:,} to {citation.end:,}"
    return f'[{number}] {place}: "{one_line(citation.quote, LONGEST_QUOTE)}"'


def error_line(error: RLMError) -> str:
    """One line for a person: what was wrong, and what to do."""
    text = one_line(str(error) or type(error).__name__, LONGEST_ERROR)
    for pattern, option in _OPTIONS:
        text = pattern.sub(option, text)
    better = "; a stronger --model may do better" if isinstance(error, Unanswered) else ""
    return f"error: {text}{better}"


def verdict(ending: Ending) -> str | None:
    """What a person has to know about an answer that is not complete; None where it is."""
    if ending.signal is not None:
        states, nodes = ending.progress.states, len(ending.progress.nodes)
        draft = "the draft above is not an answer yet" if ending.progress.draft else "no answer yet"
        return f"interrupted: {draft}; {count(states[State.DONE])} of {count(nodes, 'node')} had theirs"
    if ending.answer is not None and ending.answer.status == "partial":
        return f"partial answer: {_blame(ending.answer.limit, ending.progress)}"
    return None


def summary(ending: Ending) -> str | None:
    """One line about the run: nodes, calls, tokens, money, seconds, what was read; None before a run."""
    progress = ending.progress
    if progress.started is None:
        return None
    spent = progress.spent
    seconds = ending.answer.usage.seconds if ending.answer else progress.at
    parts = [
        count(len(progress.nodes), "node"),
        count(spent.calls, "call"),
        f"{count(spent.tokens, 'token')} ({count(progress.prompt_tokens)} read by models)",
        money(spent.nanos, unknown=spent.unknown),
        duration(seconds),
    ]
    if ending.answer is not None and (recalled := ending.answer.usage.recalled).calls:
        parts.insert(2, f"{count(recalled.calls)} of them from the journal ({money(recalled.nanos)} paid before)")
    context = progress.started.query.context
    if context.characters:
        parts.append(f"input {read_line(context)}")
    return f"{ending.status if ending.signal is None else 'until then'}: {', '.join(parts)}"


def read_line(context: Context) -> str:
    """`412 documents, 5.1 million characters`."""
    return f"{count(len(context.documents), 'document')}, {characters(context.characters)}"


def _usage(ending: Ending) -> dict[str, Data]:
    answer, spent = ending.answer, ending.progress.spent
    if answer is not None:
        usage = answer.usage
        told: dict[str, Data] = {"calls": usage.calls, "tokens": usage.tokens, "usd": usage.usd}
        if usage.recalled.calls:  # what a run that was taken up again had paid before
            recalled = usage.recalled
            told["recalled"] = {"calls": recalled.calls, "tokens": recalled.tokens, "usd": recalled.usd}
        return {**told, "seconds": round(usage.seconds, 3)}
    usd = None if spent.unknown else spent.nanos / NANO
    seconds = round(ending.progress.at, 3)
    return {"calls": spent.calls, "tokens": spent.tokens, "usd": usd, "seconds": seconds}


def _run(ending: Ending) -> str:
    started = ending.progress.started
    return ending.answer.run if ending.answer is not None else (started.run if started is not None else "")


def _blame(limit: str | None, progress: Progress) -> str:
    """Which limit was hit, and how to lift it."""
    if limit is None:
        return "it stopped early"
    if limit == "consecutive_errors":
        return "too many turns in a row did not work; a stronger --model may do better"
    ceiling = getattr(progress.limits, limit, None)
    if ceiling is None:
        return f"it was stopped by {limit.replace('_', ' ')}"
    return f"the limit {limit}={ceiling:g} was reached; --limit {limit}=… sets another"
