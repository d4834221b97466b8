"""Tools that only nodes of some depths have, and tools that have to be opened first."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from rlm_async import RLM, ConfigError, Limits, at_depth
from rlm_async.api.lending import OFFERED, OWN, Lent
from rlm_async.api.replaying import replay
from rlm_async.core.data import Data
from rlm_async.journal import Journal
from rlm_async.sandbox.factory import Sandbox
from rlm_async.sandbox.interpreter import Interpreter, Settings
from rlm_async.sandbox.policy.surfaces import HostFunction
from rlm_async.testing import ScriptedModel

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    """What differs between event loops is tested where it differs: in the lease, the engine, the sandbox."""
    return "asyncio"


def code(source: str) -> str:
    return f"```repl\n{source}\n```"


def top() -> str:
    """Only for the root."""
    return "top was called"


def low() -> str:
    """Only for children."""
    return "low was called"


def both() -> str:
    """For everybody."""
    return "both was called"


CALLS = """
def tried(f):
    try:
        return f()
    except Exception as error:
        return type(error).__name__
found = [tried(lambda: top()), tried(lambda: low()), tried(lambda: both())]
"""


def play(request):
    if "at the child" in request.messages[-1].text:
        return code(f"{CALLS}\nFINAL('child: ' + ', '.join(found))")
    return code(
        f"{CALLS}\nbelow = rlm_query('what is here at the child?', 'some text')\nFINAL(', '.join(found) + ' / ' + str(below))"
    )


TOOLS = (at_depth(top, 0), at_depth(low, 1, 2), both)


async def test_a_node_has_and_is_told_the_tools_of_its_own_depth_only():
    model = ScriptedModel(play)
    answer = await RLM(model, tools=TOOLS, strategy="repl", limits=Limits(depth=2)).ask("root", "text")
    assert answer.text == (
        "top was called, NameError, both was called / child: NameError, low was called, both was called"
    )
    root, child = (request.messages[0].text for request in model.requests)
    assert "top() -> str: Only for the root." in root
    assert "low()" not in root
    assert "low() -> str: Only for children." in child
    assert "top()" not in child
    assert "both()" in root
    assert "both()" in child


HOSTILE = """
link = llm_query.__self__._link
found = []
for name in ["low", "top"]:
    ticket = link.call('tool', {'name': name, 'arguments': [], 'named': {}})
    link.wait([ticket])
    told = link.take(ticket)
    found.append(told['value'] or told['message'])
"""


async def test_code_that_speaks_to_the_host_itself_cannot_call_a_tool_of_another_depth():
    called = []

    def low() -> str:
        called.append("low")
        return "low was called"

    model = ScriptedModel([code(f"{HOSTILE}\nprint(' / '.join(found))"), "FINAL(enough)"])
    async with Sandbox(without=("policy",), warm=0) as sandbox:
        rlm = RLM(model, tools=[at_depth(top, 0), at_depth(low, 1)], strategy="repl", sandbox=sandbox)
        await rlm.ask("root", "text")
    assert "no such tool; there are: top / top was called" in model.prompts[1]
    assert called == []


async def test_a_session_has_the_roots_tools():
    def ask(_):
        return code(f"{CALLS}\nFINAL(', '.join(found))")

    async with RLM(ScriptedModel(ask), tools=TOOLS, strategy="repl").session("text") as chat:
        assert (await chat.ask("q")).text == "top was called, NameError, both was called"


async def test_a_replay_shows_each_node_the_tools_that_it_had(tmp_path):
    path = tmp_path / "runs.sqlite"
    rlm = RLM(ScriptedModel(play), tools=TOOLS, strategy="repl", limits=Limits(depth=2), journal=path)
    answer = await rlm.ask("root", "text")
    journal = Journal(path)
    try:
        again = await replay(journal, "last")
    finally:
        journal.close()
    assert again.same
    assert again.strayed == 0
    assert again.answer.text == answer.text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: at_depth(top), "one depth or more"),
        (lambda: at_depth(top, -1), "one depth or more"),
        (lambda: at_depth(top, "0"), "one depth or more"),
        (lambda: Lent.of([at_depth(top, 0), at_depth(top, 1)]), "two tools are named 'top'"),
        (lambda: Lent.of([tool_named("llm_query")]), "the session has its own"),
    ],
)
def test_what_cannot_be_lent_is_refused(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


def tool_named(name: str):
    def tool():
        return ""

    tool.__name__ = name
    return tool


class Silent:
    """A link that is never used: only names are looked at."""


def test_the_names_of_a_session_are_known():
    table = Interpreter("text", Silent(), Settings())._space._guards.namespace()["__builtins__"]
    ours = {name for name, value in table.items() if isinstance(value, HostFunction) and name.isidentifier()}
    assert {"grep", "llm_query", "gather"} <= ours
    assert {name for name in ours if not name.startswith("_")} <= OWN | OFFERED


class Counter:
    """A source that counts how often it is open, and what was taken when it was opened."""

    def __init__(self, *, broken=False):
        self.open, self.opened_times, self.closed_times, self.broken = 0, 0, 0, broken
        self.taken = frozenset()

    @asynccontextmanager
    async def opened(self, taken):
        if self.broken:
            raise ConfigError("there is nobody at that place")
        self.taken = frozenset(taken)
        self.opened_times += 1
        self.open += 1
        yield [Told(self)]
        self.open -= 1
        self.closed_times += 1


class Told:
    name = "told"
    line = "told() -> int: how many are open"

    def __init__(self, counter):
        self.counter = counter

    async def __call__(self, *arguments: Data, **named: Data) -> Data:
        return self.counter.open


async def test_a_source_is_opened_once_and_closed_with_whoever_opened_it():
    source = Counter()
    rlm = RLM(ScriptedModel(code("FINAL(told())")), tools=[both, source], strategy="repl")
    async with rlm:
        assert (await rlm.ask("q", "c")).text == "1"
        assert (await rlm.ask("another", "c")).text == "1"
        assert (source.opened_times, source.open) == (1, 1)
    assert (source.closed_times, source.open) == (1, 0)
    assert {"both", "llm_query", "search", "print"} <= source.taken
    assert (await rlm.ask("q", "c")).text == "1"
    assert (source.opened_times, source.open) == (2, 0)


async def test_a_source_that_cannot_be_opened_is_told_before_anything_is_asked():
    model = ScriptedModel("never")
    with pytest.raises(ConfigError, match="nobody at that place"):
        await RLM(model, tools=[Counter(broken=True)]).ask("q", "c")
    assert model.calls == 0


async def test_a_source_at_a_depth_lends_to_that_depth():
    model = ScriptedModel(play)
    rlm = RLM(model, tools=[at_depth(Counter(), 1)], strategy="repl", limits=Limits(depth=2))
    await rlm.ask("root", "text")
    root, child = (request.messages[0].text for request in model.requests)
    assert "told()" not in root
    assert "told() -> int" in child
