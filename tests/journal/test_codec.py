"""Every event comes back as it was: whatever its texts, numbers and data are."""

from __future__ import annotations

import dataclasses
import typing
from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_async.core.context import Context, Document
from rlm_async.core.events import Event, ModelReplied, NodeMoved, RunStarted
from rlm_async.core.graph import State
from rlm_async.core.query import Query
from rlm_async.core.usage import Limits, Usage
from rlm_async.journal.codec import KINDS, LONG, Packer, Unpacker, pack_context, unpack_context, wordless

TEXTS = st.one_of(st.text(), st.text(st.characters(categories=["Cs", "Lu", "So"])), st.text("long ", min_size=LONG + 1))
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.lists(st.builds(Document, TEXTS, TEXTS), min_size=1, max_size=3)
CONTEXTS = st.builds(
    lambda documents, notes: Context(tuple(documents), "corpus", tuple(notes)), DOCUMENTS, st.lists(TEXTS, max_size=2)
)


PLAIN = {
    int: st.integers(),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    str: TEXTS,
    State: st.sampled_from(State),
    Context: CONTEXTS,
}


def values(hint):
    """Values of a field's type; a type that is new in an event must be added here, and perhaps to the codec."""
    if hint in PLAIN:
        return PLAIN[hint]
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{field.name: values(hints[field.name]) for field in dataclasses.fields(hint)})
    return generic(hint, get_args(hint))


def generic(hint, inner):
    if typing.get_origin(hint) is typing.Literal:
        return st.sampled_from(inner)
    if typing.get_origin(hint) is tuple and inner[-1] is Ellipsis:
        return st.lists(values(inner[0]), max_size=2).map(tuple)
    if typing.get_origin(hint) is tuple:
        return st.tuples(*map(values, inner))
    if type(None) in inner and len(inner) == 2:
        return st.none() | values(next(kind for kind in inner if kind is not type(None)))
    return DATA


def through(event, *, contexts=True):
    """The event as it is read back, by way of what would be in the file."""
    packer = Packer(contexts=contexts)
    body = packer.pack(event)
    texts = dict(packer.parts.texts)
    held = {}
    for digest, context in packer.parts.contexts.items():
        inner = Packer()
        held[digest] = (context.shape, pack_context(context, inner))
        texts |= inner.parts.texts

    def find(digest):
        return unpack_context(*held[digest], texts.__getitem__)

    return Unpacker(texts.__getitem__, find).unpack(body, type(event))


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_an_event_comes_back_as_it_was(kind, data):
    event = data.draw(values(KINDS[kind]))
    again = through(event)
    assert again == event
    assert type(again) is type(event)
    assert hash_of(again) == hash_of(event)


def hash_of(event):
    """What equality leaves out: grants and notes."""
    query = getattr(event, "query", None)
    return None if query is None else (query.key, query.grant, query.context.notes)


def test_all_kinds_of_events_are_known():
    assert set(KINDS.values()) == set(get_args(Event))


def test_a_field_that_a_later_version_added_is_passed_over_and_one_it_did_not_write_has_its_default():
    import msgspec

    body = msgspec.msgpack.encode({"at": 1.0, "node": 2, "state": "done", "colour": "blue"})
    assert Unpacker(str, str).unpack(body, NodeMoved) == NodeMoved(at=1.0, node=2, state=State.DONE)


def test_long_texts_are_kept_once_and_short_ones_in_place():
    packer = Packer()
    reply = ModelReplied(at=0.0, node=0, call=0, model="m", usage=Usage(), text="x" * 10_000)
    assert len(packer.pack(reply)) < 500
    packer.pack(dataclasses.replace(reply, node=1))
    assert list(packer.parts.texts.values()) == ["x" * 10_000]


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_without_content_no_word_of_a_run_is_written(kind, data):
    planted = "zanzibar"
    event = data.draw(values(KINDS[kind]))
    names = {field.name for field in dataclasses.fields(event)}
    words = dict.fromkeys(names & {"text", "code", "error"}, planted)
    event = dataclasses.replace(event, **words)
    if "query" in names:
        context = Context((Document(planted, planted * 100),), notes=(planted,))
        query = Query(prompt=planted, context=context, model="m", schema=planted, history=((planted, planted),))
        event = dataclasses.replace(event, query=query)
    bare = wordless(event)
    packer = Packer()
    body = packer.pack(bare)
    assert planted not in repr(bare).replace(f"error='{planted}'", "")
    assert planted.encode() not in body.replace(planted.encode(), b"", 1 if "error" in words else 0)
    assert planted not in "".join(packer.parts.texts.values())
    assert type(through(bare)) is type(event)


def test_without_content_an_error_is_told_by_its_class():
    moved = NodeMoved(at=0.0, node=0, state=State.FAILED, error="ModelRejected: the prompt 'zanzibar' was refused")
    assert wordless(moved).error == "ModelRejected"


def test_what_is_not_kept_of_a_context_is_not_written():
    started = RunStarted(
        at=0.0,
        run="r",
        started=0.0,
        query=Query(prompt="q", context=Context.of("secret " * 100), model="m"),
        limits=Limits(),
    )
    packer = Packer(contexts=False)
    packer.pack(started)
    assert packer.parts.contexts == {}
    assert packer.parts.texts == {}
