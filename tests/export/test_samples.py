"""A node's turns become samples: what is learned is what the model wrote, once."""

from __future__ import annotations

import itertools

import pytest

from rlm_async import Limits, ModelInfo
from rlm_async.core.events import Folded
from rlm_async.core.messages import Message
from rlm_async.export.reading import Reader, Ring
from rlm_async.export.samples import samples
from rlm_async.export.selection import Tally, Wanted
from rlm_async.testing import ScriptedModel
from tests.export.conftest import dialogue, spoken, story, tree, turn
from tests.journal.conftest import PlainSandboxes, code


def learned(sample):
    return [said.message.text for said in sample.said if said.written]


def shown(sample):
    return [said.message.text for said in sample.said if not said.written]


def test_turns_that_only_add_are_one_sample():
    node = story(*dialogue("rules", "q", "a1", "out1", "a2", "out2", "a3"))
    (one,) = samples(tree("r", node), node, joined=True)
    assert one.prompt == spoken("rules", "q")
    assert learned(one) == ["a1", "a2", "a3"]
    assert shown(one) == ["out1", "out2"]
    each = samples(tree("r", node), node, joined=False)
    assert [(len(part.prompt), learned(part), shown(part)) for part in each] == [
        (2, ["a1"], []),
        (4, ["a2"], []),
        (6, ["a3"], []),
    ]
    assert [part.id for part in each] == ["r/root#0", "r/root#1", "r/root#2"]


def test_a_folded_history_begins_another_sample_and_what_it_repeats_is_not_learned_twice():
    folded = spoken("rules", "q", "a2", "out2")  # a1 is gone
    node = story(*dialogue("rules", "q", "a1", "out1", "a2"), turn(folded, "a3"))
    one, other = samples(tree("r", node), node, joined=True)
    assert (learned(one), learned(other)) == (["a1", "a2"], ["a3"])
    assert other.prompt == folded
    assert (one.part, other.part, other.parts) == (0, 1, 2)


def test_a_reply_that_is_shown_otherwise_than_it_was_written_begins_another():
    thought = turn(spoken("rules", "q"), "<think>hm</think>a1")
    node = story(thought, turn(spoken("rules", "q", "a1", "out1"), "a2"))
    assert [learned(one) for one in samples(tree("r", node), node, joined=True)] == [["<think>hm</think>a1"], ["a2"]]


def test_a_reply_that_was_cut_is_not_learned():
    turns = dialogue("rules", "q", "a1", "out1", "a2")
    node = story(turn(turns[0].messages, "a1", cut=True), turns[1])
    (one,) = samples(tree("r", node), node, joined=True)
    assert (learned(one), shown(one)) == (["a2"], ["a1", "out1"])
    (lone,) = samples(tree("r", node), story(turn(spoken("q"), "", cut=True)), joined=True)
    assert Wanted().omission(lone) == "replies cut short or empty"


def test_equal_samples_are_written_once_with_the_best_reward():
    from rlm_async.export.rewards import Weights

    node = story(*dialogue("rules", "q", "a1"))
    found = [
        samples(tree(run, node, score=score), node, joined=True)[0]
        for run, score in (("a", 0.0), ("b", 1.0), ("c", None))
    ]
    tally = Tally()
    assert [sample.tree.record.run for sample in tally.once(found, Weights())] == ["b"]
    assert tally.samples == {"equal to another": 2}


@pytest.mark.anyio
async def test_a_run_is_read_back_as_it_was_asked(kept, journal):
    """Every request of the run, byte by byte, by a ring around the model itself."""
    program = iter(
        [code("global found; found = await ask('x', 'y')"), code("answer.update(content=str(found), ready=True)")]
    )
    asked = Ring()
    model = asked.around(ScriptedModel(lambda r: next(program) if r.messages[0].role == "system" else "leaf"))
    answer = await kept(model, limits=Limits(depth=1)).ask("what?", "nothing to see. " * 50)
    found = await Reader(PlainSandboxes()).tree(journal, journal.run(answer.run))
    assert [node.name for node in found.nodes] == ["root", "0", "1"]
    assert [len(node.turns) for node in found.nodes] == [2, 1, 1]
    assert not any(node.strayed for node in found.nodes)
    assert found.same
    read = {(turn.messages, turn.reply) for node in found.nodes for turn in node.turns}
    assert read == {(request.messages, completion.text) for request, completion in asked.heard}
    assert found.nodes[0].cost.usage.calls == 2
    assert sum((node.cost.usage.calls for node in found.nodes), 0) == answer.usage.calls == 4


@pytest.mark.anyio
async def test_a_run_that_was_folded_is_learned_whole_and_once(kept, journal):
    class Small(ScriptedModel):
        info = ModelInfo(name="small", window=6_000)

    replies = [code(f"print('look {n} ' * 300)") for n in range(12)]
    script = itertools.chain(replies, [code("answer.update(content='done', ready=True)")])
    answer = await kept(Small(lambda _: next(script)), limits=Limits(depth=0)).ask("what?", "x " * 100)
    assert any(isinstance(event, Folded) for event in answer.trace)
    found = await Reader(PlainSandboxes()).tree(journal, journal.run(answer.run))
    (node,) = found.nodes
    parts = samples(found, node, joined=True)
    assert len(parts) > 1
    assert [text for part in parts for text in learned(part)] == [turn.reply for turn in node.turns]
    assert all(Message("assistant", replies[0]) not in part.prompt for part in parts[:1])
    for part in parts:  # what stands before each reply is what the model was shown
        before = list(part.prompt)
        for turn_, said in zip(part.turns, (s for s in part.said if s.written), strict=True):
            while tuple(before) != turn_.messages:
                before.append(part.said[len(before) - len(part.prompt)].message)
            before.append(said.message)
