"""Exports of help desks as conversations: one document for each ticket, one turn for each message.

JSON, JSON lines and CSV name their fields in many ways; what is not a message is kept above the conversation, as
`field: value`. A text that is a conversation already is left as it is.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rlm_async.core.context import Context, Document

MESSAGES = ("messages", "comments", "conversation", "turns", "thread", "replies", "posts", "events", "interactions")
TEXTS = ("text", "body", "content", "message", "comment", "description", "utterance", "plain_body", "value")
SPEAKERS = ("author", "from", "sender", "speaker", "user", "name", "who", "author_name", "by", "role")
ROLES = ("role", "author_role", "type", "author_type", "sender_type", "user_type")
TIMES = ("time", "timestamp", "created_at", "date", "ts", "sent_at", "created", "datetime")
TICKETS = ("ticket_id", "ticket", "conversation_id", "case_id", "thread_id", "dialogue_id", "id", "key", "number")

Record = Mapping[str, object]


def prepare(context: Context) -> Context:
    """The context with each export taken apart into its tickets; raises nothing for what is none."""
    documents: list[Document] = []
    split = False
    for document in context:
        made = _tickets(document)
        split = split or made is not None
        documents += [document] if made is None else made
    if not split:
        return context
    return replace(context, documents=_distinct(documents), shape="dict" if context.shape == "text" else context.shape)


def _tickets(document: Document) -> list[Document] | None:
    records = _records(document.text)
    if not records:
        return None
    if any(_messages(record) is not None for record in records):
        texts = [(_named(record, i), _conversation(record)) for i, record in enumerate(records)]
    elif _flat(records):
        texts = [(name, _together(rows)) for name, rows in _grouped(records).items()]
    else:
        return None
    base = "" if document.name in {"context", "0"} else f"{document.name}#"
    return [Document(f"{base}{name}", text) for name, text in texts]


def _records(text: str) -> list[Record]:
    head = text.lstrip("\ufeff \t\r\n")[:1]
    if head in {"{", "["}:
        return _from_json(text.lstrip("\ufeff"))
    return _from_csv(text)


def _from_json(text: str) -> list[Record]:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        value = _from_lines(text)
    if isinstance(value, Mapping):
        inner = [part for part in value.values() if isinstance(part, list) and part and isinstance(part[0], Mapping)]
        value = inner[0] if len(value) == 1 and inner and _messages(value) is None else [value]
    records = value if isinstance(value, list) else []
    return list(records) if records and all(isinstance(record, Mapping) for record in records) else []


def _from_lines(text: str) -> list[object]:
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return []


def _from_csv(text: str) -> list[Record]:
    header = text.lstrip("\ufeff").partition("\n")[0].lower()
    for separator in (",", ";", "\t"):
        names = [name.strip().strip('"') for name in header.strip().split(separator)]
        if _key(names, TEXTS) and _key(names, SPEAKERS) and _key(names, TICKETS):
            break
    else:
        return []
    try:
        rows = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff")), delimiter=separator))
    except csv.Error:
        return []
    whole = all(None not in row and None not in row.values() for row in rows)
    return [{str(name).strip().lower(): value for name, value in row.items()} for row in rows] if whole else []


def _key(names: Iterable[str], wanted: Sequence[str]) -> str | None:
    """The field of a record that is called one of the wanted names."""
    lower = {str(name).lower(): str(name) for name in names}
    return next((lower[name] for name in wanted if name in lower), None)


def _messages(record: Record) -> list[Record] | None:
    name = _key(record, MESSAGES)
    value = record[name] if name else None
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and _key(item, TEXTS) for item in value):
        return value
    return None


def _flat(records: Sequence[Record]) -> bool:
    """Whether each record is one message of some ticket."""
    return all(_key(record, TEXTS) and _key(record, SPEAKERS) and _key(record, TICKETS) for record in records)


def _grouped(records: Sequence[Record]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(str(record[_key(record, TICKETS) or ""]), []).append(record)
    return groups


def _named(record: Record, number: int) -> str:
    name = _key(record, TICKETS)
    return str(record[name]) if name else str(number + 1)


def _conversation(record: Record) -> str:
    name = _key(record, MESSAGES)
    fields = [f"{key}: {_line(value)}" for key, value in record.items() if key != name and value not in (None, "")]
    return "\n".join([*fields, "", *(_turn(message) for message in _messages(record) or ())])


def _together(rows: Sequence[Record]) -> str:
    """The rows of one ticket; what is the same in all of them stands above once."""
    spoken = {name for row in rows for name in _Message.of(row).fields}
    common = {name: rows[0][name] for name in rows[0] if all(row.get(name) == rows[0][name] for row in rows)}
    above = {name: value for name, value in common.items() if name not in spoken and value not in (None, "")}
    head = [f"{name}: {_line(value)}" for name, value in above.items()]
    turns = [_turn({name: value for name, value in row.items() if name not in above}) for row in rows]
    return "\n".join([*head, "", *turns])


@dataclass(frozen=True, slots=True)
class _Message:
    """The names of the fields that tell a message."""

    time: str | None
    who: str | None
    role: str | None
    text: str | None

    @classmethod
    def of(cls, message: Record) -> _Message:
        who = _key(message, SPEAKERS)
        role = _key([name for name in message if name != who], ROLES)
        return cls(_key(message, TIMES), who, role, _key([name for name in message if name not in {who, role}], TEXTS))

    @property
    def fields(self) -> set[str]:
        return {name for name in (self.time, self.who, self.role, self.text) if name}


def _turn(message: Record) -> str:
    told = _Message.of(message)
    time = f"[{_line(message[told.time])}] " if told.time and message[told.time] not in (None, "") else ""
    role = f" ({_line(message[told.role])})" if told.role and message[told.role] not in (None, "") else ""
    who, about = _person(message[told.who]) if told.who else ("somebody", {})
    text = str(message[told.text]) if told.text else ""
    others = {name: value for name, value in message.items() if name not in told.fields} | about
    rest = [f"    {name}: {_line(value)}" for name, value in others.items() if value not in (None, "")]
    return "\n".join([f"{time}{who}{role}: {text}", *rest])


def _person(value: object) -> tuple[str, dict[str, object]]:
    """The name of whoever speaks, and what else is told of them."""
    name = _key(value, ("name", "display_name", "email", "login")) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or name is None:
        return _line(value), {}
    return _line(value[name]), {f"{key} of {_line(value[name])}": part for key, part in value.items() if key != name}


def _line(value: object) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_line(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(_line(part) for part in value)
    return " ".join(str(value).split())


def _distinct(documents: Sequence[Document]) -> tuple[Document, ...]:
    """Names as they are; a second one of the same with a number."""
    taken: dict[str, int] = {}
    made = []
    for document in documents:
        taken[document.name] = taken.get(document.name, 0) + 1
        again = taken[document.name]
        made.append(document if again == 1 else Document(f"{document.name} ({again})", document.text))
    return tuple(made)
