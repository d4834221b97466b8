"""The simulated model: what it knows, how it rots, when it replies, and how it is served."""

from __future__ import annotations

import asyncio

import aiohttp
import anyio
import anyio.lowlevel
import pytest

from rlm_async.bench.sim.kit.records import label_prompt
from rlm_async.bench.sim.knowledge import Knowledge
from rlm_async.bench.sim.model import SimulatedModel, seconds
from rlm_async.bench.sim.planner import GIVE_UP, Planner
from rlm_async.bench.sim.profile import PROFILES, Weather, profile_named, simulated
from rlm_async.bench.sim.programs import POLICIES, Policy, program
from rlm_async.bench.sim.server import Server
from rlm_async.core.budget import Budget
from rlm_async.core.messages import Message, Request
from rlm_async.core.usage import Limits
from rlm_async.errors import ConfigError, ContextOverflow, RateLimited
from rlm_async.models.endpoint import Endpoint
from rlm_async.models.openai_http import OpenAIClient
from rlm_async.sandbox.policy import compile_cell

LABELS = ("entity", "location", "numeric value")
ITEMS = {f"what is number {i} of all things ?": LABELS[i % 3] for i in range(600)}
KNOWN = Knowledge(labels=ITEMS)
QUESTION = (
    "Each line of the text holds a date, a user and an instance. Every instance has one of these labels, which is not "
    f"written down: {', '.join(LABELS)}. "
)


def instant(_):
    return anyio.lowlevel.checkpoint()


def model(profile="sim-strong", **options):
    return SimulatedModel(PROFILES[profile], options.pop("knowledge", KNOWN), sleep=instant, **options)


def asked(prompt, **options):
    return Request(model="sim", messages=(Message("user", prompt),), **options)


def said(simulated_model, prompt):
    return anyio.run(simulated_model, asked(prompt), Budget("test", Limits())).text


def direct(lines, question):
    text = "\n".join(f"Date: Apr 1, 2022 || User: {10_000 + i} || Instance: {line}" for i, line in enumerate(lines))
    return f"{text}\n\n---\nAnswer from the text above.\n\n{QUESTION}{question}"


def test_the_same_prompt_and_seed_give_the_same_reply_and_another_seed_may_not():
    prompt = label_prompt(list(ITEMS)[:300], LABELS)
    first = [said(model("sim-weak", seed=seed), prompt) for seed in (1, 1, 2)]
    assert first[0] == first[1] != first[2]


def test_it_knows_the_labels_of_items_in_the_prompt_and_of_no_others():
    there = list(ITEMS)[:3]
    reply = said(model("sim-oracle"), label_prompt([*there, "what is it that nobody labelled ?"], LABELS))
    assert reply == "1: entity\n2: location\n3: numeric value"


def test_it_never_knows_the_answer_to_a_question():
    """The same question over a text whose items it does not know: nothing is there to count."""
    question = "How many lines have the label 'entity'? Reply with 'Answer: NUMBER'."
    assert said(model("sim-oracle"), direct(list(ITEMS)[:90], question)) == "Answer: 30"
    assert said(model("sim-oracle", knowledge=Knowledge()), direct(list(ITEMS)[:90], question)) == "Answer: 0"


def test_it_says_so_when_it_does_not_understand():
    assert "cannot tell" in said(model(), "What is love?")


def test_rot_grows_with_the_prompt_and_faster_in_weaker_models():
    lengths = (1_000, 8_000, 32_000, 128_000, 256_000)
    for name in ("sim-strong", "sim-middle", "sim-weak"):
        rot = [PROFILES[name].confused(tokens) for tokens in lengths]
        assert rot == sorted(rot)
    for tokens in lengths:
        assert 0.0 == PROFILES["sim-oracle"].confused(tokens) < PROFILES["sim-strong"].confused(tokens)
        assert PROFILES["sim-strong"].confused(tokens) < PROFILES["sim-middle"].confused(tokens)
        assert PROFILES["sim-middle"].confused(tokens) <= PROFILES["sim-weak"].confused(tokens)


def test_confusions_are_systematic():
    """In one prompt a label is always taken for the same other one: counts shift instead of cancelling out."""
    texts = list(ITEMS)
    lines = said(model("sim-weak"), label_prompt(texts, LABELS)).splitlines()
    taken = {}
    for line in lines:
        number, _, label = line.partition(": ")
        gold = ITEMS[texts[int(number) - 1]]
        if label != gold:
            taken.setdefault(gold, set()).add(label)
    assert len(lines) < len(texts)
    assert taken
    assert all(len(wrong) == 1 for wrong in taken.values())


def test_long_lists_are_not_finished():
    question = (
        "List all pairs of users such that both users have at least one line labelled 'entity' or 'location'. Reply."
    )
    reply = said(model("sim-strong"), direct(list(ITEMS)[:60], question))
    assert len(reply.splitlines()) == 1 + PROFILES["sim-strong"].listed


def test_a_prompt_beyond_the_window_is_refused():
    with pytest.raises(ContextOverflow, match="maximum context length is 32768"):
        said(model("sim-weak"), "word " * 60_000)


def test_a_reply_is_cut_at_max_tokens():
    prompt = label_prompt(list(ITEMS)[:100], LABELS)
    completion = anyio.run(model("sim-oracle"), asked(prompt, max_tokens=50), Budget("test", Limits()))
    assert completion.finish == "length"
    assert completion.usage.completion_tokens <= 55


def test_replies_take_longer_the_longer_they_are_and_stragglers_longer_still(monkeypatch):
    class Even:
        def lognormvariate(self, *_):
            return 1.0

        def random(self):
            return self.luck

    chance = Even()
    chance.luck = 1.0
    weather = Weather()
    short, long = seconds(weather, 1_000, 100, chance), seconds(weather, 100_000, 100, chance)
    assert long - short == pytest.approx(99_000 / weather.prefill)
    chance.luck = 0.0
    assert seconds(weather, 1_000, 100, chance) == pytest.approx(weather.slow * short)


def test_a_refused_request_is_told_when_to_come_back_and_then_answered_as_ever(variant):
    prompt = label_prompt(list(ITEMS)[:5], LABELS)
    profile = variant(PROFILES["sim-strong"], weather=Weather(refusals=0.999999, retry_after=7.0))
    refusing = SimulatedModel(profile, KNOWN, sleep=instant)
    with pytest.raises(RateLimited) as refusal:
        said(refusing, prompt)
    assert refusal.value.retry_after == 7.0
    assert said(refusing, prompt) == said(model(), prompt)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("levels", [0, 1, 2])
@pytest.mark.parametrize("kind", ["records", "contracts", "chain", "needles"])
def test_programs_keep_to_what_code_in_a_sandbox_may_do(policy, levels, kind):
    plan = {
        "records": {"family": "count", "labels": list(LABELS), "label": "entity"},
        "contracts": {"family": "both", "clauses": ["Exclusivity", "Insurance"]},
        "chain": {"family": "chain", "thing": "milk"},
        "needles": {"family": "one", "key": "calm-kettle", "question": "What is it?"},
    }[kind]
    compile_cell(program({"kind": kind, **plan}, levels, Policy(name=policy)), "<cell 1>")


def test_a_syntax_error_is_followed_by_another_try():
    rules = Message("system", "call llm_query; none at this depth")
    question = Message(
        "user", f"`context` is a str.\n\nQuestion: {QUESTION}How many lines have the label 'entity'?\n\nLeft: 20 turns."
    )
    steps = Planner(PROFILES["sim-oracle"], Policy(), _Luck(1.0)).steps((rules, question))
    broken = Planner(PROFILES["sim-oracle"], Policy(syntax_errors=0.5), _Luck(0.1)).reply((rules, question))
    conversation = (rules, question, Message("assistant", broken), Message("user", "SyntaxError"))
    again = Planner(PROFILES["sim-oracle"], Policy(syntax_errors=0.5), _Luck(0.9)).reply(conversation)
    assert "= =" in broken
    assert again == f"```repl\n{steps[0]}\n```"
    spent = (*conversation, *(Message("assistant", f"```repl\n{step}\n```") for step in steps))
    assert GIVE_UP in Planner(PROFILES["sim-oracle"], Policy(), _Luck(1.0)).reply(spent)


class _Luck:
    def __init__(self, value):
        self.value = value

    def random(self):
        return self.value


def test_simulated_models_are_known_by_their_names():
    assert simulated("sim-strong")
    assert simulated("openai/sim-weak")
    assert not simulated("openai/gpt-5")
    with pytest.raises(ConfigError, match=r"no simulated model 'sim-huge'.*sim-strong"):
        profile_named("sim-huge")


@pytest.mark.anyio
async def test_the_server_speaks_to_an_ordinary_client():
    prompt = label_prompt(list(ITEMS)[:5], LABELS)
    async with Server({"sim-strong": model()}).serving() as url:
        client = OpenAIClient(Endpoint.parse(url, "none"), connections=4, timeout=20)
        try:
            request = Request(model="openai/sim-strong", messages=(Message("user", prompt),))
            completion = await client(request, Budget("test", Limits()))
        finally:
            await client.aclose()
        assert completion.text == (await model()(asked(prompt), Budget("test", Limits()))).text
        assert completion.usage.prompt_tokens > 50
        async with aiohttp.ClientSession() as session:
            counted = await (await session.get(f"{url.removesuffix('/v1')}/statistics")).json()
            assert (counted["requests"], counted["peak"], counted["in_flight"]) == (1, 1, 0)
            cards = await (await session.get(f"{url}/models")).json()
            assert [card["id"] for card in cards["data"]] == ["sim-strong"]


@pytest.mark.anyio
async def test_the_server_streams_and_refuses_like_a_provider(variant):
    profile = variant(PROFILES["sim-weak"], weather=Weather(capacity=1, retry_after=2.0))
    holding = asyncio.Event()

    async def hold(_):
        await holding.wait()

    slow = SimulatedModel(profile, KNOWN, sleep=hold)
    async with Server({"sim-weak": slow}).serving() as url, aiohttp.ClientSession() as session:
        body = {"model": "sim-weak", "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}
        streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
        first = asyncio.create_task(session.post(f"{url}/chat/completions", json=streamed))
        while slow.in_flight < 1:
            await asyncio.sleep(0)
        async with session.post(f"{url}/chat/completions", json=body) as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (429, "2.000")
        holding.set()
        async with await first as reply:
            events = (await reply.text()).split("\n\n")
        assert "cannot tell" in events[0]
        assert '"prompt_tokens"' in events[2]
        assert events[3] == "data: [DONE]"
        for wrong, status in (({"model": "gpt", "messages": []}, 404), ({"messages": 1}, 400)):
            async with session.post(f"{url}/chat/completions", json=wrong) as answer:
                assert answer.status == status
        body["messages"][0]["content"] = "word " * 60_000
        async with session.post(f"{url}/chat/completions", json=body) as long:
            assert (long.status, (await long.json())["error"]["code"]) == (400, "context_length_exceeded")
