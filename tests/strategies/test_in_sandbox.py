"""Strategies over the real sandbox: the program of `guided`, and a few whole runs of `repl`."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager

import pytest

from rlm_async.core.context import Context, Document
from rlm_async.core.query import Query, Reply
from rlm_async.core.usage import Limits, ModelInfo
from rlm_async.errors import Unanswered
from rlm_async.sandbox import Sandbox
from rlm_async.strategies.guided import Guided
from rlm_async.strategies.guided_program import PROGRAM
from rlm_async.strategies.repl import Repl
from tests.strategies.fake_frame import FakeFrame, code, out_of

WEAK = {"local": ModelInfo(name="local", window=8_192, weak=True)}
FILLER = "Nothing of interest is said in this paragraph about the weather, the sea or the hills.\n\n" * 30
DOCUMENTS = {
    "gateway.md": f"{FILLER}The gateway keeps its cache for 90 seconds.\n\n{FILLER}",
    "server.py": f"{FILLER}def listen(host, port=8421, backlog=12):\n    pass\n\n{FILLER}",
    "notes.md": FILLER * 3,
}


@pytest.fixture
def anyio_backend():
    return "asyncio"


pytestmark = pytest.mark.anyio


class Reader:
    """Stands in for a small model that reads well: quotes the line of a passage that matches `pattern`."""

    def __init__(self, pattern: str = "", reply=None):
        self.tools: dict[str, str] = {}
        self.pattern = pattern
        self.reply = reply
        self.prompts: list[str] = []

    async def spawn(self, queries):
        return [self._one(query) for query in queries]

    def _one(self, query) -> Reply:
        self.prompts.append(query.prompt)
        if self.reply is not None:
            value = self.reply(query)
            return value if isinstance(value, Reply) else Reply(value)
        passage = query.prompt.rsplit("Passage of ", 1)[-1]
        found = re.search(self.pattern, passage)
        if not found:
            return Reply({"found": False, "quote": "", "answer": ""})
        return Reply({"found": True, "quote": found[0], "answer": found[1]})

    async def tool(self, name, arguments, named):
        return Reply(error="NameError", message=name)

    def budget(self):
        return {"calls": 100, "tokens": None, "usd": None, "seconds": None, "depth": 1}


class SandboxFrame(FakeFrame):
    """A frame whose code runs behind the wall."""

    sandbox = None

    async def run(self, source):
        self.ran.append(source)
        return await self.sandbox.run(source)


@pytest.fixture
def opened():
    """Open a frame over the real sandbox: `async with opened(host, *replies, …) as frame`."""

    @asynccontextmanager
    async def open_frame(host, *replies, prompt="How many?", context="", schema=None, **more):
        query = Query(prompt=prompt, context=Context.of(context), model="local", schema=schema)
        frame = SandboxFrame(query, list(replies), sub_model="local", infos=WEAK, **more)
        async with Sandbox(warm=0) as factory, factory.open(query.context, host) as sandbox:
            frame.sandbox = sandbox
            yield frame

    return open_frame


async def test_a_fact_is_found_and_cited_with_document_and_line(opened):
    reader = Reader(r"port=(\d+)")
    question = "What is the default port of listen in the server?"
    async with opened(reader, prompt=question, context=DOCUMENTS) as frame:
        result = await Guided().answer(frame)
    assert result.text == '8421\n\nSource: server.py, line 61: "port=8421"'
    assert result.limit is None
    assert len(reader.prompts) <= 7
    assert all(prompt.endswith(question) for prompt in reader.prompts)
    assert not frame.asked


async def test_little_is_read_of_a_large_input(opened):
    reader = Reader(r"cache for (\d+ seconds)")
    async with opened(reader, prompt="How long is the cache of the gateway kept?", context=DOCUMENTS) as frame:
        result = await Guided().answer(frame)
    assert result.text.startswith("90 seconds\n\nSource: gateway.md, line 61:")
    assert sum(map(len, reader.prompts)) < 7 * 2_200


async def test_a_model_that_finds_nothing_is_shown_its_examples_in_another_order(opened):
    def timid(query):
        example = query.prompt.rsplit("Passage of ", 2)[1]
        if '"found": false' in example:
            return {"found": False, "quote": "", "answer": ""}
        found = "port=8421" in query.prompt
        return {"found": found, "quote": "the port is 8421" if found else "", "answer": "8421" if found else ""}

    question = "What is the default port of listen in the server?"
    async with opened(Reader(reply=timid), prompt=question, context=DOCUMENTS) as frame:
        text = (await Guided().answer(frame)).text
    assert 'Source: server.py, line 61: "def listen(host, port=8421, backlog=12):"' in text


async def test_of_an_input_too_large_to_search_a_part_is_and_the_answer_says_so(opened, monkeypatch):
    small = PROGRAM.replace("READABLE = 100000000", "READABLE = 20000")
    assert small != PROGRAM
    monkeypatch.setattr("rlm_async.strategies.guided.PROGRAM", small)
    context = {f"{i}.txt": FILLER for i in range(20)} | {"gate.txt": "The gate opens at 7 o'clock."}
    async with opened(Reader(r"opens at (7 o'clock)"), prompt="When does the gate open?", context=context) as frame:
        result = await Guided().answer(frame)
    assert result.limit == "seconds"
    assert result.text.endswith(f"\nSearched 20,000 of {20 * len(FILLER) + 28:,} characters.")


@pytest.mark.parametrize(
    "context",
    [
        "Alpha.\n\nThe gate opens at 7 o'clock.\n\nOmega.",
        ["Alpha.", "The gate opens at 7 o'clock."],
        Context((Document("gate.txt", "The gate opens at 7 o'clock."), Document("b.txt", "Beta.")), "corpus"),
    ],
)
async def test_every_shape_of_context_is_searched(opened, context):
    async with opened(Reader(r"opens at (7 o'clock)"), prompt="When does the gate open?", context=context) as frame:
        assert (await Guided().answer(frame)).text.startswith("7 o'clock\n\nSource: ")


async def test_a_quote_that_is_not_in_the_text_is_not_believed(opened):
    liar = Reader(reply=lambda query: {"found": True, "quote": "the port is 1234", "answer": "1234"})
    async with opened(liar, prompt="What is the default port of the server?", context=DOCUMENTS) as frame:
        result = await Guided().answer(frame)
    assert "1234" not in result.text
    assert result.text.startswith("No answer was found in the ")


async def test_answers_that_agree_outvote_one_that_stands_alone(opened):
    texts = {f"{i}.txt": f"Report {i}. The limit of the tank is {90 if i else 11} litres." for i in range(4)}
    async with opened(Reader(r"tank is (\d+)"), prompt="What is the limit of the tank?", context=texts) as frame:
        assert (await Guided().answer(frame)).text.startswith("90\n")


async def test_alike_records_are_each_asked_about_and_counted_by_code(opened):
    lines = [f"{'I want my money back' if i % 3 == 0 else 'Thank you'} for order {i}." for i in range(20)]
    asked = Reader(reply=lambda query: {"answers": ["yes" if "money back" in query.prompt.split("\n\n")[0] else "no"]})
    async with opened(asked, prompt="How many messages are complaints?", context="\n".join(lines)) as frame:
        result = await Guided().answer(frame)
    assert result.text == "7\n\nRead 20 of 20 texts; yes: 7, no: 13."
    assert len(asked.prompts) == 20


async def test_named_labels_are_tallied(opened):
    lines = [f"{'rain' if i % 4 else 'sun'} on day {i}." for i in range(12)]
    asked = Reader(reply=lambda query: {"answers": ["wet" if "rain on" in query.prompt.split("\n\n")[0] else "dry"]})
    question = "Which label is most common: 'wet' or 'dry'?"
    async with opened(asked, prompt=question, context=lines) as frame:
        assert (await Guided().answer(frame)).text == "wet\n\nRead 12 of 12 texts; wet: 9, dry: 3."


async def test_a_tally_that_the_fanout_cuts_is_partial(opened):
    asked = Reader(reply=lambda query: {"answers": ["yes"]})
    lines = [f"line {i}." for i in range(20)]
    async with opened(asked, prompt="How many are lines?", context=lines, limits=Limits(fanout=5)) as frame:
        result = await Guided().answer(frame)
    assert (result.limit, result.text) == ("fanout", "5\n\nRead 5 of 20 texts; yes: 5, no: 0.")


async def test_a_quoted_word_is_counted_without_a_model(opened):
    silent = Reader()
    question = 'How many times does the word "sea" occur?'
    async with opened(silent, prompt=question, context=DOCUMENTS) as frame:
        assert (await Guided().answer(frame)).text == str(30 * 7)
    assert not silent.prompts


async def test_a_summary_reads_parts_and_joins_them(opened):
    asked = Reader(reply=lambda query: "joined" if "Notes on the parts" in query.prompt else "a note")
    async with opened(asked, prompt="Summarise the text.", context=FILLER * 2) as frame:
        assert (await Guided().answer(frame)).text == "joined"


async def test_without_sub_queries_the_model_reads_the_passages_itself(opened):
    question = "What is the default port of listen in the server?"
    limits = Limits(depth=0)
    async with opened(Reader(), "8421", prompt=question, context=DOCUMENTS, limits=limits) as frame:
        assert (await Guided().answer(frame)).text == "8421"
    assert "port=8421" in frame.prompt()
    assert frame.prompt().endswith(question)


async def test_an_answer_that_fits_the_schema_costs_no_further_call(opened):
    question = "What is the default port of listen in the server?"
    schema = json.dumps({"type": "integer"})
    async with opened(Reader(r"port=(\d+)"), prompt=question, context=DOCUMENTS, schema=schema) as frame:
        assert (await Guided().answer(frame)).value == 8421
    assert not frame.asked


async def test_an_answer_is_put_into_its_schema_by_the_model(opened):
    question = "What is the default port of listen in the server?"
    schema = json.dumps({"type": "object", "required": ["port"]})
    reader = Reader(r"port=(\d+)")
    async with opened(reader, '{"port": 8421}', prompt=question, context=DOCUMENTS, schema=schema) as frame:
        assert (await Guided().answer(frame)).value == {"port": 8421}


async def test_with_every_sub_query_refused_the_last_turn_reads_what_was_found(opened):
    refused = Reply(error="BudgetExceeded", message="tokens limit of the run: 500 asked, 0 left", status="failed")
    question = "What is the default port of listen in the server?"
    host = Reader(reply=lambda query: refused)
    async with opened(host, out_of("tokens"), "8421", prompt=question, context=DOCUMENTS) as frame:
        result = await Guided().answer(frame)
    assert (result.text, result.limit) == ("8421", "tokens")
    assert all(last for _, last in frame.asked)


async def test_a_question_that_fits_nothing_is_said_so(opened):
    with pytest.raises(Unanswered, match="nothing in the input fits"):
        async with opened(Reader(), prompt="Zebra?", context="x " * 9_000) as frame:
            await Guided().answer(frame)


async def test_a_question_full_of_quotes_and_braces_is_only_text(opened):
    question = """What is '''the "port" {x} \\ """ + '\ud83d"""' + " of listen?\nreally"
    async with opened(Reader(r"port=(\d+)"), prompt=question.replace("\ud83d", ""), context=DOCUMENTS) as frame:
        assert (await Guided().answer(frame)).text.startswith("8421")


async def test_the_loop_answers_through_the_real_sandbox_by_every_protocol(opened):
    for answer in ('answer["content"] = n\nanswer["ready"] = True', "FINAL(n)", 'FINAL_VAR("n")', "SUBMIT(n)"):
        async with opened(Reader(), code("n = len(context)"), code(answer), context="four") as frame:
            result = await Repl().answer(frame)
        assert (result.value, result.limit) == (4, None)


async def test_a_prose_variable_is_looked_up_in_the_real_sandbox(opened):
    async with opened(Reader(), code("n = 7"), "FINAL_VAR(m)", "FINAL(n)", context="x") as frame:
        assert (await Repl().answer(frame)).value == 7
    assert "m" in frame.prompt(2)


async def test_a_plain_loop_of_sub_queries_is_answered(opened):
    host = Reader(reply=lambda query: f"<{query.prompt}>")
    loop = code("found = []", "for c in 'ab':", "    found.append(llm_query(c))", "FINAL(found)")
    async with opened(host, loop) as frame:
        assert (await Repl().answer(frame)).value == ["<a>", "<b>"]


async def test_the_worked_examples_of_small_models_run_as_they_are(opened):
    from rlm_async.strategies.examples import COUNTING, COUNTING_BY_CODE, LOOKING, LOOKUP

    host = Reader(reply=lambda query: "yes" if "complaint" in query.prompt else "8443")
    text = "The gateway port is 8443.\nAn error came.\nIt went."
    for example, value in ((LOOKUP, "8443"), (COUNTING, "3"), (COUNTING_BY_CODE, "1")):
        async with opened(host, example, context=text) as frame:
            assert (await Repl().answer(frame)).value == value
    async with opened(host, LOOKING, code("FINAL(1)"), context=text) as frame:
        assert (await Repl().answer(frame)).value == 1
    assert "Error" not in frame.asked[-1][0].messages[-1].text
