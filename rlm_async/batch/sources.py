"""From rows to items: what is asked about what."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import anyio.to_thread
import msgspec

from rlm_async.batch.tables import Row
from rlm_async.batch.template import Template
from rlm_async.core.context import Context
from rlm_async.core.data import Data, as_text
from rlm_async.core.items import Item
from rlm_async.errors import ConfigError

LONGEST_ID = 200
CHUNK = 64
"""Rows that are read at a time, in a thread: a slow disk does not hold up who is being answered."""

T = TypeVar("T")
Given = Item | str | Mapping[str, object]
"""What a caller may hand in as an item: a question, or a mapping with the keys of a JSONL line."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a row becomes an item: its own `question`, or `template` filled with its fields.

    A row may hold `id`, `question`, `context` (a text, a list of texts, or texts by name) and `paths`; all its
    fields may fill the template. Without an `id` the row's number is one.
    """

    template: Template | None = None

    def item(self, row: Row) -> Item:
        """The item of a row; never raises: what is wrong with it is its `fault`."""
        number = str(row.number)
        if row.fault:
            return Item(id=number, fault=f"row {number}: {row.fault}")
        given = row.fields.get("id")
        name = number if given is None or given == "" else as_text(given)
        if len(name) > LONGEST_ID or not name.isprintable():
            return Item(id=number, fault=f"row {number}: its id is too long or holds characters that cannot be shown")
        try:
            return Item(
                id=name,
                question=self._question(row.fields),
                context=_context(row.fields.get("context")),
                paths=_paths(row.fields.get("paths")),
            )
        except (ConfigError, ValueError) as error:
            return Item(id=name, fault=f"row {number}: {error}")

    def _question(self, fields: Mapping[str, Data]) -> str:
        if self.template is not None:
            try:
                question = self.template.filled(fields)
            except KeyError as error:
                raise ConfigError(f"it has no field {error.args[0]!r}, which the question wants") from error
        else:
            value = fields.get("question")
            question = value if isinstance(value, str) else ""
        if not question.strip():
            raise ConfigError("no question: it needs a text in the field 'question'")
        question.encode()  # a lone surrogate cannot be sent to anybody: UnicodeEncodeError is a ValueError
        return question


def items_of(rows: Iterable[Row], form: Form) -> Iterator[Item]:
    """The items of rows, in order, as they are asked for."""
    return map(form.item, rows)


def over_each(items: Iterable[Item], corpus: Context) -> Iterator[Item]:
    """Every question about every document by itself, named `question/document`."""
    for item in items:
        if item.fault:
            yield item
            continue
        for document in corpus:
            yield replace(item, id=f"{item.id}/{document.name}"[-LONGEST_ID:], context=Context((document,), "text"))


def given_items(given: Iterable[Given], form: Form) -> Iterator[Item]:
    """Items of what a Python caller hands in."""
    for number, value in enumerate(given, 1):
        yield item_of(number, value, form)


def item_of(number: int, value: object, form: Form) -> Item:
    """The item of one question, mapping, or item."""
    if isinstance(value, Item):
        return value
    if isinstance(value, str):
        return form.item(Row(number, {"question": value}))
    if not isinstance(value, Mapping):
        return Item(id=str(number), fault=f"a {type(value).__name__}, where a question, a mapping or an Item is wanted")
    own = value.get("context")
    if not isinstance(own, Context):
        return form.item(Row(number, value))
    rest = {name: field for name, field in value.items() if name != "context"}
    return replace(form.item(Row(number, rest)), context=own)


async def in_thread(values: Iterable[T], chunk: int = CHUNK) -> AsyncGenerator[T, None]:
    """The same values, taken from `values` in a thread, `chunk` at a time."""
    iterator = iter(values)
    while taken := await anyio.to_thread.run_sync(lambda: list(islice(iterator, chunk))):
        for value in taken:
            yield value


async def numbered(given: Iterable[Given] | AsyncIterable[Given], form: Form) -> AsyncGenerator[Item, None]:
    """Items of what a caller hands in, sync or async; a second one of the same id is refused."""
    numbers = Numbers(form)
    if isinstance(given, AsyncIterable):
        async for value in given:
            yield numbers.item(value)
    else:
        for value in given:
            yield numbers.item(value)


class Numbers:
    """Counts items, and refuses a second one of the same id."""

    def __init__(self, form: Form) -> None:
        """Start at 1."""
        self._form = form
        self._seen: set[int] = set()
        self._number = 0

    def item(self, value: object) -> Item:
        """The next item; raises ConfigError for an id that another has."""
        self._number += 1
        item = item_of(self._number, value, self._form)
        mark = hash(item.id)  # eight bytes each, however long the ids are
        if mark in self._seen:
            raise ConfigError(f"item {self._number} has the id {item.id!r}, which another has; ids must differ")
        self._seen.add(mark)
        return item


def _context(value: object) -> Context | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value.encode()
    return Context.of(value)  # type: ignore[arg-type]  # it checks, and says what it cannot take


def _paths(value: Data) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise ConfigError("its paths begin like a JSON list and are none") from error
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple) or not all(isinstance(path, str) and path for path in value):
        raise ConfigError("its paths are not a list of file names")
    return tuple(str(path) for path in value)


Reader = Callable[[], Iterator[Item]]
"""Gives the items of a batch anew, from the first one."""
