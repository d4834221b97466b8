"""Answers that are data: found in what a model or its code says, and held against a JSON Schema.

Schemas of sub-queries are written by a model. So nothing is ever fetched for a `$ref`, and below the root
no regular expression of a schema is run: one crafted pattern would stop the whole event loop.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import anyio.to_thread
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from rlm_async.core.citations import Misquoted, located
from rlm_async.core.context import Context
from rlm_async.core.data import Data, as_text
from rlm_async.core.query import Query
from rlm_async.errors import ConfigError

REPAIRS = 2
"""Turns in which a model may mend an answer that does not fit."""

LARGE_CHARACTERS = 50_000
"""Data longer than this as JSON is checked in a thread: the loop must not wait for it."""

_FENCED = re.compile(r"```[ \t]*(?:json)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_ATTEMPTS = 20
_REASON_CHARACTERS = 400


class Misfit(ValueError):
    """The answer is not what the schema asks for; the text says why, for the model to mend it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The form an answer must have: `schema` is a JSON Schema (2020-12) as text.

    `trusted` schemas come from the caller; only their patterns are run. With `quoted` the answer is one that
    cites, and each of its quotes has to stand in that context.
    """

    schema: str
    trusted: bool = True
    quoted: Context | None = None

    @classmethod
    def of(cls, query: Query, depth: int) -> Shape | None:
        """What a query asks for, if it asks for any form; raises ConfigError where its schema is none."""
        if query.schema is None:
            return None
        shape = cls(query.schema, trusted=depth == 0, quoted=query.context if query.cite else None)
        _validator(shape.schema, shape.trusted)
        return shape

    async def fitted(self, value: Data) -> Data:
        """`value`, or the JSON in it where it is text that does not fit as it is. Raises Misfit."""
        try:
            large = len(as_text(value)) > LARGE_CHARACTERS
        except (TypeError, ValueError, RecursionError) as error:
            raise Misfit("the answer is not JSON data: use str, int, float, bool, None, list and dict only") from error
        if large:
            fitting = await anyio.to_thread.run_sync(_fitted, self.schema, self.trusted, value)
        else:
            fitting = _fitted(self.schema, self.trusted, value)
        if self.quoted is None:
            return fitting
        try:
            if self.quoted.characters > LARGE_CHARACTERS:
                return await anyio.to_thread.run_sync(located, fitting, self.quoted)
            return located(fitting, self.quoted)
        except Misquoted as misquoted:
            raise Misfit(_clipped(str(misquoted))) from misquoted


def _fitted(schema: str, trusted: bool, value: Data) -> Data:  # noqa: FBT001 - run_sync hands on positions only
    validator = _validator(schema, trusted)
    reason = _misfit(validator, value)
    if reason is None:
        return value
    if isinstance(value, str):
        found = False
        for data in _json_in(value):
            again = _misfit(validator, data)
            if again is None:
                return data
            if not found:
                found, reason = True, again
        if not found:
            reason = "it holds no JSON"
    raise Misfit(reason)


@lru_cache(maxsize=64)
def _validator(schema: str, trusted: bool) -> Draft202012Validator:  # noqa: FBT001 - lru_cache keys by position
    try:
        parsed = json.loads(schema)
        Draft202012Validator.check_schema(parsed)
    except (ValueError, RecursionError) as error:
        raise ConfigError("the schema is not JSON; give a JSON Schema as an object") from error
    except SchemaError as error:
        raise ConfigError(f"the schema is not a JSON Schema: {_clipped(error.message)}") from error
    kind = Draft202012Validator if trusted else _Patternless
    made: Draft202012Validator = kind(parsed, registry=Registry())
    return made


def _unchecked(*_: object) -> Iterator[ValidationError]:
    return iter(())


_Patternless = extend(Draft202012Validator, {"pattern": _unchecked, "patternProperties": _unchecked})


def _misfit(validator: Draft202012Validator, value: Data) -> str | None:
    """Why `value` does not fit, or None where it does."""
    try:
        worst = best_match(validator.iter_errors(value))
    except Unresolvable as error:
        raise ConfigError("the schema has a $ref that leads outside of it; write that part into the schema") from error
    except RecursionError as error:
        raise ConfigError("the schema, or the answer, refers to itself without end") from error
    if worst is None:
        return None
    place = worst.json_path
    return _clipped(worst.message if place == "$" else f"at {place}: {worst.message}")


def _json_in(text: str) -> Iterator[Data]:
    """Every JSON value that `text` may be meant as, the likeliest first."""
    yield from _loaded(text.strip())
    for fenced in _FENCED.finditer(text):
        yield from _loaded(fenced[1].strip())
    decoder = json.JSONDecoder()
    at = 0
    for _ in range(_ATTEMPTS):
        opening = re.compile(r"[\[{]").search(text, at)
        if opening is None:
            return
        try:
            data, at = decoder.raw_decode(text, opening.start())
            yield data
        except (ValueError, RecursionError):
            at = opening.end()


def _loaded(text: str) -> Iterator[Data]:
    try:
        yield json.loads(text)
    except (ValueError, RecursionError):
        return


def _clipped(text: str) -> str:
    return text if len(text) <= _REASON_CHARACTERS else text[:_REASON_CHARACTERS] + " …"
