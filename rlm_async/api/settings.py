"""What a caller may write, checked before anything runs and turned into what a run needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from rlm_async.contexts import load_async
from rlm_async.core.answer import Answer
from rlm_async.core.citations import citations, cited_schema
from rlm_async.core.context import EMPTY, Context
from rlm_async.core.data import Data, as_text, canonical
from rlm_async.core.profile import Profile
from rlm_async.core.usage import Limits, Rates
from rlm_async.errors import ConfigError

Input = str | Sequence[str] | Mapping[str, str] | Path | Sequence[Path] | Context | None


@runtime_checkable
class DescribesItself(Protocol):
    """A pydantic class, or any other that can give its JSON Schema."""

    def model_json_schema(self) -> dict[str, object]:
        """The schema as a dict."""
        ...


async def read_context(value: Input) -> Context:
    """The context of whatever a caller hands in; paths are read from disk, a str is the text itself."""
    if value is None:
        return EMPTY
    if isinstance(value, Path):
        return await load_async([value])
    if isinstance(value, Sequence) and value and all(isinstance(item, Path) for item in value):
        return await load_async([item for item in value if isinstance(item, Path)])
    return Context.of(value)  # type: ignore[arg-type]  # it checks, and names what it can't take


def check_question(question: str) -> str:
    """The question, if it is one."""
    if not isinstance(question, str) or not question.strip():
        raise ConfigError("the question is empty; say what you want to know about the input")
    return question


def schema_text(schema: Mapping[str, object] | type | None, *, cite: bool = False) -> str | None:
    """A JSON Schema, or a pydantic class, as canonical JSON text; with `cite`, that of an answer with citations."""
    own = _schema_text(schema)
    if not cite:
        return own
    return canonical(cited_schema(None if own is None else json.loads(own)))


def schema_named(name: str, profile: Profile) -> Mapping[str, Data]:
    """The schema that a profile brings under a name; raises ConfigError, which lists those there are."""
    if name not in profile.schemas:
        known = f"it brings: {', '.join(profile.schemas)}" if profile.schemas else "it brings none"
        raise ConfigError(f"the profile {profile.name!r} brings no schema {name!r}; {known}")
    return profile.schemas[name]


def with_citations(answer: Answer) -> Answer:
    """An answer to a query that had to cite: text and data are the answer's own, the quotes stand beside them."""
    if not isinstance(answer.data, Mapping) or "answer" not in answer.data:
        return answer
    own = answer.data["answer"]
    return replace(answer, text=as_text(own), data=own, citations=citations(answer.data))


def _schema_text(schema: Mapping[str, object] | type | None) -> str | None:
    if schema is None:
        return None
    if isinstance(schema, DescribesItself):
        schema = schema.model_json_schema()
    if not isinstance(schema, Mapping):
        raise ConfigError(f"a schema is a JSON Schema (a dict) or a pydantic class, not {schema!r}")
    try:
        return canonical(json.loads(json.dumps(schema)))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the schema is not JSON: {error}") from error


def check_limits(limits: Limits) -> Limits:
    """The limits, if each is a number that can be kept."""
    least = {"depth": 0, "fanout": 1, "turns": 1, "calls": 1, "tokens": 1, "consecutive_errors": 1}
    for name, lowest in {**least, "output_characters": 200}.items():
        value = getattr(limits, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < lowest):
            raise ConfigError(f"limit {name}={value!r}: use a whole number of {lowest} or more")
    for name in ("usd", "seconds"):
        value = getattr(limits, name)
        if value is not None and not (isinstance(value, int | float) and 0 < value < float("inf")):
            raise ConfigError(f"limit {name}={value!r}: use a number above 0")
    return limits


def check_fallbacks(fallbacks: Sequence[str]) -> tuple[str, ...]:
    """The fallbacks, if each is the name of a model."""
    if isinstance(fallbacks, str) or not all(isinstance(name, str) and name.strip() for name in fallbacks):
        raise ConfigError(f"fallbacks={fallbacks!r}: give a list of names of models, such as ['openai/gpt-5-mini']")
    return tuple(fallbacks)


def check_timeout(seconds: float) -> float:
    """The time for one attempt, if it is one."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        raise ConfigError(f"timeout={seconds!r}: use a number of seconds above 0")
    return seconds


def check_rates(rates: Rates) -> Rates:
    """The rates, if each is a number that can be kept."""
    for name in ("concurrency", "requests_per_minute", "tokens_per_minute"):
        value = getattr(rates, name)
        if value is None and name != "concurrency":
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(f"rate {name}={value!r}: use a whole number of 1 or more")
    return rates
