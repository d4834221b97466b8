"""What a page holds: a pure function of events, with every node, every cost, and no more text than is allowed."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass, replace
from importlib import resources
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_async import RLM, Limits
from rlm_async.core import events
from rlm_async.core.graph import State
from rlm_async.core.query import Query
from rlm_async.core.usage import Usage
from rlm_async.telemetry.page import render, save
from rlm_async.telemetry.page.critical import critical_path
from rlm_async.telemetry.page.gathering import Gathered
from rlm_async.telemetry.page.labels import label
from rlm_async.telemetry.page.records import fitting
from rlm_async.testing import ScriptedModel
from tests.viewer.runs import QUESTION, simulated

BLOCK = re.compile(r'<script type="application/octet-stream" id="([\w-]+)">([^<]*)</script>')


def unpacked(page):
    """The data of a page by the name of its block."""
    return {name: json.loads(zlib.decompress(base64.b64decode(data))) for name, data in BLOCK.findall(page)}


def bodies(page):
    return [body for name, data in unpacked(page).items() if name.startswith("texts-") for body in data]


def test_the_same_events_give_the_same_page():
    trace = simulated((3, 2))
    assert render(trace) == render(list(trace))


def test_every_node_is_there_once_with_its_parents_and_its_cost():
    trace = simulated((6, 30), shared=0.2, failing=0.05)
    index = unpacked(render(trace))["index"]
    added = [event for event in trace if isinstance(event, events.NodeAdded)]
    assert [each["i"] for each in index["nodes"]] == list(dict.fromkeys(event.node for event in added))
    parents = {each["i"]: each["p"] for each in index["nodes"]}
    assert any(len(each) > 1 for each in parents.values())
    assert all(event.parent in parents[event.node] for event in added if event.parent is not None)
    replied = sum((event.usage for event in trace if isinstance(event, events.ModelReplied)), Usage())
    root = index["nodes"][0]
    assert root["t"] == [replied.calls, replied.prompt_tokens, replied.completion_tokens, 0, replied.nanos, 0]


def test_an_unknown_price_is_counted_and_never_free():
    root = unpacked(render(simulated((2,), unknown_price=True)))["index"]["nodes"][0]
    assert root["t"][4:] == [0, 4]


def test_texts_are_found_at_the_place_of_their_node():
    page = render(simulated((4, 30), text=40_000))
    data = unpacked(page)
    starts = data["index"]["starts"]
    assert len(starts) > 1
    for number, start in enumerate(starts):
        first = data[f"texts-{number}"][0]["prompt"]
        prompt = first if isinstance(first, str) else first[0]
        assert data["index"]["nodes"][start]["i"] == 0 or prompt.startswith("Does this contract")
    assert len(bodies(page)) == len(data["index"]["nodes"])


def test_a_long_text_keeps_its_ends_and_says_how_much_is_missing():
    page = render(simulated((1,), text=100_000), longest=1_000)
    head, missing, tail = bodies(page)[1]["prompt"]
    assert len(head) + len(tail) == 1_000
    assert head.startswith("Does this contract renew")
    assert missing > 90_000


@given(st.lists(st.integers(0, 50_000), max_size=40), st.integers(20_000, 400_000))
def test_all_texts_together_stay_within_the_allowance(lengths, allowance):
    cut = fitting(lengths, 20_000, allowance)
    assert cut == 200 or sum(min(length, cut) for length in lengths) <= allowance


def test_without_content_no_word_of_the_run_is_in_the_page():
    page = render(simulated((2, 2), failing=1.0), content=False)
    said = json.dumps(unpacked(page))
    for word in ("contract", "renew", "agreement", "print(", "60 days", "supply", "provider answered"):
        assert word not in said
    assert unpacked(page)["index"]["nodes"][0]["t"][0] == 10
    assert {each["x"] for each in unpacked(page)["index"]["nodes"]} == {"", "ModelUnavailable"}


def test_the_cell_that_asked_is_known():
    index = bodies(render(simulated((3,))))[0]
    assert [cell["asked"] for turn in index["turns"] for cell in turn["cells"]] == [
        [],
        [[1, False], [2, False], [3, False]],
    ]


def test_a_run_that_was_cut_off_is_shown_as_far_as_it_went():
    trace = simulated((3, 2))
    index = unpacked(render(trace[: len(trace) // 2]))["index"]
    assert not index["run"]["ended"]
    assert {each["s"] for each in index["nodes"]} & {"running", "waiting"}
    assert unpacked(render([]))["index"]["nodes"] == []


@dataclass(frozen=True, slots=True, kw_only=True)
class SomethingNew:
    at: float
    node: int
    reason: str
    count: int


def test_an_event_of_a_later_version_is_told_by_its_name():
    trace = simulated((1,))
    page = render([*trace[:-1], SomethingNew(at=1.0, node=0, reason="because", count=3), trace[-1]])
    assert bodies(page)[0]["marks"] == [[1.0, "something new: reason because, count 3"]]


def test_events_of_an_unknown_node_are_passed_over():
    query = Query(prompt="q", model="m")
    orphan = events.NodeAdded(at=0.0, node=7, parent=3, depth=1, query=query)
    stray = events.NodeMoved(at=0.0, node=9, state=State.RUNNING)
    assert [each["p"] for each in unpacked(render([orphan, stray]))["index"]["nodes"]] == [[]]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), widths=st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_the_critical_path_is_as_long_as_the_run_and_has_no_gaps(seed, widths):
    run = Gathered(simulated(tuple(widths), seed=seed, shared=0.3, failing=0.1))
    path = critical_path(run)
    assert path[0].start == run.nodes[0].at
    assert path[-1].end == run.nodes[0].end
    for before, after in pairwise(path):
        assert before.end == after.start
    for part in path:
        node = run.nodes[part.node]
        assert node.at <= part.start < part.end <= node.end
        assert part.kind != "wait"


def waiting(*children):
    """A root that waits for children which were there from and to given times."""
    query = Query(prompt="root", model="m")
    told = [events.NodeAdded(at=0.0, node=0, parent=None, depth=0, query=query)]
    told.append(events.NodeMoved(at=0.0, node=0, state=State.RUNNING))
    for number, (start, end) in enumerate(children, start=1):
        child = Query(prompt=f"child {number}", model="m")
        told.append(events.NodeAdded(at=start, node=number, parent=0, depth=1, query=child))
        told.append(events.NodeMoved(at=end, node=number, state=State.CANCELLED))
    last = max(end for _, end in children)
    told.append(events.NodeMoved(at=min(start for start, _ in children), node=0, state=State.WAITING))
    told.append(events.NodeMoved(at=last, node=0, state=State.RUNNING))
    told.append(events.NodeMoved(at=last + 1, node=0, state=State.DONE))
    return Gathered(sorted(told, key=lambda event: event.at))


@pytest.mark.parametrize(
    ("children", "nodes"),
    [
        ([(1, 5), (1, 9)], [0, 2, 0]),
        ([(1, 9), (1, 5)], [0, 1, 0]),
        ([(1, 5), (5, 9)], [0, 1, 2, 0]),
        ([(1, 4), (5, 9)], [0, 1, 0, 2, 0]),
    ],
)
def test_the_critical_path_goes_through_the_child_that_came_last(children, nodes):
    path = critical_path(waiting(*children))
    assert [part.node for at, part in enumerate(path) if at == 0 or path[at - 1].node != part.node] == nodes


def test_the_start_of_a_worker_is_told_from_everything_else():
    trace = simulated((1,))
    opened = next(event for event in trace if isinstance(event, events.SandboxOpened))
    late = [replace(event, at=event.at + 0.5) if event.at >= opened.at else event for event in trace]
    replied = next(at for at, event in enumerate(trace) if isinstance(event, events.ModelReplied))
    late[replied] = trace[replied]
    kinds = {part.kind: part.end - part.start for part in critical_path(Gathered(late)) if part.node == 0}
    assert kinds["worker"] == pytest.approx(0.5)


def test_siblings_are_called_by_what_sets_them_apart():
    pattern = "Read this clause and say whether it renews:\n"
    assert label(f"{pattern}supply", f"{pattern}lease") == "…supply"
    assert label("a", "b") == "a"
    assert label("the same", "the same") == "the same"
    assert label("x" * 9_000 + " first?", "x" * 9_000 + " second?").endswith("first?")


@pytest.mark.anyio
async def test_the_trace_of_a_real_run_becomes_a_page(tmp_path):
    code = 'Ask.\n```repl\nfound = llm_query_batched([f"part {i}" for i in range(5)])\nFINAL(" ".join(found))\n```'
    model = ScriptedModel(lambda request: "yes" if request.messages[-1].text.startswith("part") else code)
    answer = await RLM(model, limits=Limits(), strategy="repl").ask("All?", "a context " * 10)
    saved = save(answer.trace, tmp_path / "run.html")
    index = unpacked(saved.read_text(encoding="utf-8"))["index"]
    assert [each["s"] for each in index["nodes"]] == ["done"] * 6
    assert index["run"]["name"] == answer.run
    assert sum(each["u"][0] for each in index["nodes"]) == answer.usage.calls


def test_the_question_is_the_heading():
    assert unpacked(render(simulated((1,))))["index"]["run"]["question"] == QUESTION


def test_the_assets_are_data_of_the_package():
    names = {item.name for item in resources.files("rlm_async.telemetry.page").joinpath("assets").iterdir()}
    assert {"page.html", "page.css", "main.js"} <= names
