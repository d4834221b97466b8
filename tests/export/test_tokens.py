"""Masks of tokens: what is learned is what the model wrote and the end of its turn, byte by byte; nothing else is."""

from __future__ import annotations

import json
import urllib.request

import pytest

from rlm_async.errors import ConfigError
from rlm_async.export.samples import samples
from rlm_async.export.tokens import opened, tokenized
from tests.export.conftest import Toy, dialogue, story, tree, turn

TALK = story(*dialogue("rules ☃", "q <|e|> q", "  a1 🦄\n", "out1\n", "a2 <|e|> no end"))


@pytest.fixture
def anyio_backend():
    return "asyncio"  # the client is aiohttp


async def cut(node, toy):
    sample = samples(tree("r", node), node, joined=True)
    async with opened(toy.url, None) as template:
        return [made for one in sample for made in await tokenized(one, template)]


def spans(ids, mask):
    """Texts of the runs of equal marks."""
    found, last = [], None
    for token, mark in zip(ids, mask, strict=True):
        if mark != last:
            found.append((mark, []))
        found[-1][1].append(token)
        last = mark
    return [(mark, Toy.decoded(tokens)) for mark, tokens in found]


@pytest.mark.anyio
async def test_a_conversation_is_its_prompt_with_the_replies_marked():
    async with Toy().serving() as toy:
        (made,) = await cut(TALK, toy)
    assert spans(made.ids, made.mask) == [
        (0, "<|s|>system\nrules ☃<|e|>\n<|s|>user\nq <|e|> q<|e|>\n<|s|>assistant\n"),
        (1, "  a1 🦄\n<|e|>"),
        (0, "\n<|s|>user\nout1\n<|e|>\n<|s|>assistant\n"),
        (1, "a2 <|e|> no end<|e|>"),
    ]
    end = Toy.id(b"<|e|>")
    assert [made.ids[place] for place, mark in enumerate(made.mask) if mark].count(end) == 2  # written ends are no ends


@pytest.mark.anyio
async def test_a_template_that_shows_replies_otherwise_gives_each_its_own_prompt():
    async with Toy(strips=True).serving() as toy:
        one, other = await cut(TALK, toy)
    assert (one.turns, other.turns) == ((0, 1), (1, 2))
    assert spans(one.ids, one.mask)[1:] == [(1, "  a1 🦄\n<|e|>")]
    shown, written = spans(other.ids, other.mask)
    assert "assistant\na1 🦄<|e|>" in shown[1]
    assert written == (1, "a2 <|e|> no end<|e|>")


@pytest.mark.anyio
async def test_a_cut_reply_is_shown_and_neither_it_nor_an_end_is_learned():
    first, second = dialogue("rules", "q", "a1", "out1", "a2")
    async with Toy().serving() as toy:
        (made,) = await cut(story(turn(first.messages, "a1", cut=True), second), toy)
    assert [text for mark, text in spans(made.ids, made.mask) if mark] == ["a2<|e|>"]


@pytest.mark.anyio
async def test_a_token_of_its_own_may_begin_a_conversation_and_a_template_need_not_have_an_end():
    async with Toy(bos=True, ends=False).serving() as toy:
        (made,) = await cut(story(*dialogue("rules", "q", "a1")), toy)
    assert spans(made.ids, made.mask) == [(0, "<bos><|s|>system\nrules\n<|s|>user\nq\n<|s|>assistant\n"), (1, "a1")]


@pytest.mark.anyio
async def test_tokens_that_change_the_text_are_refused():
    async with Toy(spaces=True).serving() as toy:
        with pytest.raises(ConfigError, match="byte by byte"):
            await cut(story(*dialogue("rules", "q", "a1")), toy)


@pytest.mark.anyio
async def test_a_server_that_is_none_is_told():
    with pytest.raises(ConfigError, match="cannot ask the server"):
        await cut(TALK, Toy(url="http://127.0.0.1:9"))


@pytest.mark.anyio
@pytest.mark.required_in_ci("one real model's template, token by token")
async def test_the_mask_is_right_token_by_token_for_a_real_model(smallest):
    """Checked by what the module does not use: /detokenize, and the tokens of the whole text."""

    def ask(path, body):
        head = {"Content-Type": "application/json", "Authorization": f"Bearer {smallest.api_key}"}
        call = urllib.request.Request(smallest.address + path, json.dumps(body).encode(), head)  # noqa: S310 - loopback
        with urllib.request.urlopen(call) as reply:  # noqa: S310 - the same
            return json.loads(reply.read())

    node = story(*dialogue("Be brief ☃.", "q\n\n", "```repl\nprint('é 🦄')\n```\n", "Output:\né 🦄", "Done.\n\n"))
    (sample,) = samples(tree("r", node), node, joined=True)
    async with opened(smallest.address, smallest.api_key) as template:
        (made,) = await tokenized(sample, template)
    assert len(made.ids) == len(made.mask)
    runs = []
    for token, mark in zip(made.ids, made.mask, strict=True):
        if not runs or runs[-1][0] != mark:
            runs.append((mark, []))
        runs[-1][1].append(token)
    texts = [(mark, ask("/detokenize", {"tokens": ids})["content"]) for mark, ids in runs]
    end = "<|im_end|>"
    assert texts == [
        (0, f"<|im_start|>system\nBe brief ☃.{end}\n<|im_start|>user\nq\n\n{end}\n<|im_start|>assistant\n"),
        (1, f"```repl\nprint('é 🦄')\n```\n{end}"),
        (0, f"\n<|im_start|>user\nOutput:\né 🦄{end}\n<|im_start|>assistant\n"),
        (1, f"Done.\n\n{end}"),
    ]
    whole = ask("/tokenize", {"content": "".join(text for _, text in texts), "parse_special": True})["tokens"]
    assert made.ids == whole  # nothing here begins with what merges over the boundary
