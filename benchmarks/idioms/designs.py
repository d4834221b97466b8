"""Four ways to run an idiom, and the bare program: ours, blocking calls, blocking calls beside threads, coroutines.

The other three run the code by plain `exec`. `blocking` is what every published recursive language model does:
`llm_query` waits, a batch is a loop. `threads` has a thread pool behind its batch. `coroutines` has an
`async def llm_query` and top-level `await`; code that forgets it makes no call.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import http.client
import inspect
import io
import json
import threading
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from benchmarks.idioms.idiom import Idiom, say, texts
from rlm_async import RLM, Limits
from rlm_async.core.events import CellEnded
from rlm_async.core.messages import Request
from rlm_async.testing.loopback import Asked, LoopbackServer, Served
from rlm_async.testing.scripted import ScriptedModel

MODEL = "openai/sub"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of an idiom did; `seconds` from the first line of the code to its last."""

    output: str
    calls: int
    peak: int
    seconds: float
    speculative: int = 0

    def same(self, expected: str) -> bool:
        """Whether it printed what the sequential program prints."""
        return self.output.strip() == expected.strip()


def expected(idiom: Idiom, n: int) -> tuple[str, int]:
    """What the sequential program prints, and how many calls it makes, with no server at all."""
    calls = 0

    def llm_query(prompt: str) -> str:
        nonlocal calls
        calls += 1
        return _Answer(say(prompt))

    with ThreadPoolExecutor(1) as apart:  # it runs an event loop of its own
        output = apart.submit(_executed, idiom, n, llm_query, lambda prompts: list(map(llm_query, prompts))).result()
    return output, calls


class _Answer(str):
    """A text that may also be awaited, so that code for coroutines runs too."""

    __slots__ = ()

    def __await__(self):
        yield from ()
        return str(self)


class Bench:
    """A server with a set latency and our own RLM in front of it, for as many runs as are wanted."""

    def __init__(self, server: LoopbackServer, n: int, rlms: dict[bool, RLM]) -> None:
        self.server = server
        self.n = n
        self._rlms = rlms
        self._code = ""

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, n: int, latency: float = 0.0, reply: Callable[[Asked], Awaitable[Served]] | None = None
    ) -> AsyncIterator[Bench]:
        """`reply` takes the place of `say` after `latency` seconds."""

        def usual(asked: Asked) -> Served:
            return Served(text=say(asked.prompt), latency=latency)

        async with LoopbackServer(reply or usual) as server, contextlib.AsyncExitStack() as stack:
            bench = cls(server, n, {})
            for ahead in (True, False):
                rlm = RLM(
                    ScriptedModel(bench._program),
                    sub_model=MODEL,
                    api_base=server.url,
                    api_key="none",
                    strategy="repl",
                    run_ahead=ahead,
                    limits=Limits(calls=20 * n + 100, fanout=4 * n + 100),
                )
                bench._rlms[ahead] = await stack.enter_async_context(rlm)
            yield bench

    def _program(self, request: Request) -> str:
        del request  # the code is the same whatever the prompt
        return f"```repl\n{self._code}\nanswer['ready'] = True; answer['content'] = 'done'\n```"

    async def ours(self, idiom: Idiom, *, ahead: bool = True) -> Run:
        """The idiom in a jailed worker."""
        self._code = idiom.source
        await self._reset()
        answer = await self._rlms[ahead].ask("Run the code.", texts(self.n))
        cells = [event.output for event in answer.trace if isinstance(event, CellEnded)]
        output = "".join(cell.stdout if cell.error is None else f"{cell.error}" for cell in cells)
        seconds = sum(cell.seconds for cell in cells)
        return self._measured(output, seconds, answer.usage.speculative.calls)

    async def blocking(self, idiom: Idiom) -> Run:
        """One call after the other."""
        return await self._apart(idiom, lambda ask: lambda prompts: [ask(prompt) for prompt in prompts])

    async def threads(self, idiom: Idiom) -> Run:
        """Blocking calls, and a thread pool behind the batch."""

        def batched(ask: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
            def run(prompts: list[str]) -> list[str]:
                with ThreadPoolExecutor(64) as pool:
                    return list(pool.map(ask, prompts))

            return run

        return await self._apart(idiom, batched)

    async def coroutines(self, idiom: Idiom) -> Run:
        """An `async def llm_query`; what is not awaited is not called."""
        await self._reset()
        began = time.perf_counter()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as client:

            async def llm_query(prompt: str) -> str:
                return await _posted(client, self.server.url, prompt)

            async def llm_query_batched(prompts: list[str]) -> list[str]:
                return await asyncio.gather(*[llm_query(prompt) for prompt in prompts])

            output = await _awaited(idiom, self.n, llm_query, llm_query_batched)
        return self._measured(output, time.perf_counter() - began)

    async def bare(self, calls: int) -> Run:
        """A small program that makes the same traffic: the practical limit."""
        await self._reset()
        began = time.perf_counter()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as client:
            await asyncio.gather(*[_posted(client, self.server.url, f"Q {i}") for i in range(calls)])
        return self._measured("", time.perf_counter() - began)

    async def _apart(self, idiom: Idiom, batched: Callable[..., Callable[[list[str]], list[str]]]) -> Run:
        await self._reset()
        ask = _Blocking(self.server.url)
        began = time.perf_counter()
        output = await asyncio.to_thread(_executed, idiom, self.n, ask, batched(ask))
        return self._measured(output, time.perf_counter() - began)

    async def _reset(self) -> None:
        """Start counting, once the server has dealt with what the run before has given up."""
        while self.server.in_flight:  # noqa: ASYNC110 - it is a count, and nobody tells of its changes
            await asyncio.sleep(0.005)
        self.server.requests.clear()
        self.server.peak_in_flight = 0

    def _measured(self, output: str, seconds: float, speculative: int = 0) -> Run:
        return Run(output, len(self.server.requests), self.server.peak_in_flight, seconds, speculative)


class _Blocking:
    """`llm_query` as a blocking call, a kept connection for each thread."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._local = threading.local()

    def __call__(self, prompt: str) -> str:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._url.netloc)
        body = json.dumps(_body(prompt))
        headers = {"Content-Type": "application/json"}
        self._local.connection.request("POST", f"{self._url.path}/chat/completions", body, headers)
        reply = json.loads(self._local.connection.getresponse().read())
        return _Answer(reply["choices"][0]["message"]["content"])


def _body(prompt: str) -> dict[str, object]:
    return {"model": "sub", "messages": [{"role": "user", "content": prompt}]}


async def _posted(client: aiohttp.ClientSession, url: str, prompt: str) -> str:
    async with client.post(f"{url}/chat/completions", json=_body(prompt)) as response:
        reply = await response.json()
    return str(reply["choices"][0]["message"]["content"])


def _executed(idiom: Idiom, n: int, ask: Callable[[str], str], batched: Callable[[list[str]], list[str]]) -> str:
    """Run an idiom by `exec`, in a thread of its own event loop where it awaits; its output, or its error."""
    return asyncio.run(_awaited(idiom, n, ask, batched))


async def _awaited(idiom: Idiom, n: int, ask: object, batched: object) -> str:
    out = io.StringIO()
    space = {
        "context": texts(n),
        "llm_query": ask,
        "llm_query_batched": batched,
        "print": lambda *values: out.write(" ".join(map(str, values)) + "\n"),
    }
    source = idiom.source.replace("asyncio.run(main())", "await main()")  # no loop inside of a loop, as in a notebook
    source = source.replace("asyncio.gather", "gather")
    space["gather"] = _gathered
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # coroutines that nobody awaited are what is to be shown
        try:
            code = compile(source, "<idiom>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(code, space)  # noqa: S307 - it is the table's own code
            if inspect.iscoroutine(result):
                await result
        except Exception as error:  # noqa: BLE001 - an idiom that does not run in a design is a finding
            out.write(f"{type(error).__name__}: {error}")
        space.clear()
    return out.getvalue()


async def _gathered(*items: object) -> list[object]:
    return (
        [await item if isinstance(item, _Answer) else item for item in items]
        if _plain(items)
        else list(
            await asyncio.gather(*items)  # type: ignore[arg-type]
        )
    )


def _plain(items: tuple[object, ...]) -> bool:
    return all(not inspect.iscoroutine(item) for item in items)
