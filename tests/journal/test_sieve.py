"""What a batch knows of its keys without looking into the file."""

from __future__ import annotations

import hashlib
import sqlite3

import pytest

from rlm_async.core.context import Context
from rlm_async.core.messages import Completion
from rlm_async.core.query import Query
from rlm_async.core.usage import Limits
from rlm_async.journal import Journal, Opening
from rlm_async.journal.batch import Batch
from rlm_async.journal.sieve import Sieve


def key(number):
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


def test_a_sieve_forgets_nothing_and_takes_few_for_known():
    sieve = Sieve(first=256)
    for number in range(5_000):
        sieve.add(key(number))
    assert all(key(number) in sieve for number in range(5_000))
    assert sum(key(number) in sieve for number in range(5_000, 15_000)) < 200


def opening(run, item):
    query = Query(prompt=f"{item}?", context=Context.of("x"), model="m", strategy="direct")
    return Opening(run=run, started=1.0, query=query, limits=Limits(), sub_model="m", batch="b", item=item)


def answer(journal, run, item, text):
    """One run of the batch that was answered one call; gives the call's key."""
    recording = journal.begin(opening(run, item))
    name = hashlib.blake2b(item.encode(), digest_size=16).hexdigest()
    recording._newest[name, 0] = (0, 0)
    recording._put(Place, name, Completion(text=text))
    journal.flush()
    return name


class Place:
    """As much of a request as is looked at."""

    fresh = False

    class place:  # noqa: N801 - an attribute
        node = 0


class Now:
    def __init__(self):
        self.at = 0.0

    def __call__(self):
        return self.at


@pytest.mark.anyio
async def test_a_batch_knows_what_earlier_starts_and_other_processes_were_answered(tmp_path):
    path = tmp_path / "j"
    with Journal(path) as first:
        known = answer(first, "run-1", "a", "one")
    clock = Now()
    with Journal(path) as mine, Journal(path) as other:
        batch = Batch("b", mine._reader, clock)
        batch.begun(0)
        assert (await batch.recall(known)).text == "one"

        later = answer(other, "run-2", "b", "two")
        assert await batch.recall(later) is None
        clock.at += 60
        batch.begun(0)
        assert (await batch.recall(later)).text == "two"


@pytest.mark.anyio
async def test_a_key_that_is_not_known_costs_no_look_into_the_file(tmp_path):
    with Journal(tmp_path / "j") as journal:
        batch = Batch("b", journal._reader, Now())
        batch.begun(0)
        journal._reader.close()
        assert await batch.recall("ab" * 16) is None
        batch.note("ab" * 16)
        with pytest.raises((sqlite3.Error, Exception), match="closed"):
            await batch.recall("ab" * 16)
