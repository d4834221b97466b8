"""The worker's side, without Ray: what it answers, and what becomes of what goes wrong."""

import tomllib
from pathlib import Path

import pytest
from rlm_async.core.context import Context
from rlm_async.core.items import Item
from rlm_async.core.placement import Placement
from rlm_async_ray.desk import Desk

pytestmark = pytest.mark.anyio
PLACEMENT = Placement(url="ray", opens="echoing:opening")


async def test_a_desk_answers_items_as_records():
    desk = Desk(PLACEMENT, {"suffix": "!"})
    assert await desk.ready() == {}
    record = await desk.answer(Item(id="a", question="x", context=Context.of("y")).record())
    assert (record["id"], record["text"], record["status"]) == ("a", "xy!", "complete")
    await desk.close()


async def test_a_desk_that_cannot_open_says_why():
    desk = Desk(PLACEMENT, {"refuse": True})
    assert await desk.ready() == {"kind": "ConfigError", "error": "no key here"}
    record = await desk.answer(Item(id="a", question="x").record())
    assert (record["status"], record["kind"]) == ("failed", "InternalError")
    await desk.close()


async def test_what_is_wrong_with_an_item_is_its_result():
    desk = Desk(PLACEMENT, {"suffix": "!"})
    await desk.ready()
    record = await desk.answer(Item(id="a", question="break").record())
    assert (record["id"], record["status"], record["kind"]) == ("a", "failed", "InternalError")
    assert (await desk.answer(Item(id="b", question="x").record()))["status"] == "complete"
    await desk.close()


def test_the_executor_is_offered_under_its_scheme():
    settings = tomllib.loads(Path(__file__).resolve().parents[1].joinpath("pyproject.toml").read_text())
    assert settings["project"]["entry-points"]["rlm_async.executors"] == {"ray": "rlm_async_ray.executor:make"}
