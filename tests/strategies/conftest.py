"""The frame that tests of strategies hand to them."""

from __future__ import annotations

import pytest

from rlm_async.core.context import EMPTY, Context
from rlm_async.core.query import Query
from tests.strategies.fake_frame import FakeFrame, Reply


@pytest.fixture
def frame():
    """Make a frame: `frame(*replies, prompt=, context=, …)`; what `Query` does not know goes to the frame."""

    def make(*replies: Reply, prompt: str = "How many?", context: object = EMPTY, **more: object) -> FakeFrame:
        asked = {name: more.pop(name) for name in ("schema", "history", "strategy", "sample") if name in more}
        query = Query(prompt=prompt, context=Context.of(context), model="root", **asked)
        return FakeFrame(query, list(replies), **more)

    return make
