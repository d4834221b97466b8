"""What is shown: each a task for the scripted model, the bare traffic of it, and the ratio to be kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.latency.traffic import Bare
from rlm_async import RLM, Limits, Rates
from rlm_async.core.events import Event, ModelReplied

TEXT = "a context of a few words"


@dataclass(frozen=True, kw_only=True)
class Show:
    """One measurement. `target` is ours over bare at most, or with `absolute` seconds."""

    name: str
    title: str
    task: str
    """What the question says; `{name}` is replaced."""
    bare: Callable[[Bare, str], Awaitable[int]]
    result: int
    latency: float = 0.2
    serving: tuple[str, ...] = ()
    """Further options of the server."""
    cap: int = 64
    at_once: int = 1
    depth: int = 1
    target: float | None = None
    absolute: bool = False
    per_minute: int | None = None
    timeout: float = 600.0
    streamed: bool = False
    litellm: bool = False
    relaxed: bool = False
    """Whether the process tells Python's cyclic collector to run less often, for bare and for ours."""
    turns: int = 20

    def options(self) -> list[str]:
        """Of the server: programs come at once, leaves after the latency."""
        return ["--latency", str(self.latency), "--thinking", "0", *self.serving]

    def rlm(self, url: str) -> RLM:
        """Ours, as a user would set it up."""
        where = {} if self.litellm else {"api_base": f"{url}/v1"}
        return RLM(
            "openai/m",
            **where,
            api_key="none",
            strategy="repl",
            limits=Limits(depth=self.depth, fanout=2_000, calls=20_000, tokens=None, turns=self.turns),
            rates=Rates(concurrency=self.cap, requests_per_minute=self.per_minute),
            timeout=self.timeout,
        )

    async def ours(self, rlm: RLM, name: str) -> str:
        """One run of ours; says how many attempts were made again."""
        names = [f"{name}.{number}" for number in range(self.at_once)]
        traces = await asyncio.gather(*(self._asked(rlm, each) for each in names))
        replied = [event for trace in traces for event in trace if isinstance(event, ModelReplied)]
        calls, again = sum(event.usage.calls for event in replied), sum(max(event.attempts - 1, 0) for event in replied)
        return f"{calls} calls, {again} again"

    async def _asked(self, rlm: RLM, name: str) -> Sequence[Event]:
        question = self.task.format(name=name)
        if not self.streamed:
            answer = await rlm.ask(question, TEXT)
            assert answer.text == str(self.result), answer
            return answer.trace
        trace = [event async for event in rlm.stream(question, TEXT, pieces=True)]
        assert trace[-1].text == str(self.result), trace[-1]
        return trace

    async def plain(self, bare: Bare, name: str) -> str:
        """One run of bare."""
        bare = replace(bare)
        names = [f"{name}.{number}" for number in range(self.at_once)]
        results = await asyncio.gather(*(self.bare(bare, each) for each in names))
        assert results == [self.result] * self.at_once, results
        return ""


def fan(kind: str, width: int) -> Callable[[Bare, str], Awaitable[int]]:
    return lambda bare, name: bare.fan(f"[[{kind} {width} {name}]]", name, width)


def tree(width: int, levels: int) -> Callable[[Bare, str], Awaitable[int]]:
    return lambda bare, name: bare.tree(width, levels, name)


def batch(count: int, **more: object) -> dict[str, object]:
    return {"task": f"[[batch {count} {{name}}]]", "bare": fan("batch", count), "result": count, **more}


def many(kind: str, width: int, **more: object) -> Show:
    return Show(task=f"[[{kind} {width} {{name}}]]", bare=fan(kind, width), result=width, **more)


def woods(width: int, levels: int, **more: object) -> Show:
    task = f"[[tree {width} {levels} {{name}}]]"
    return Show(task=task, bare=tree(width, levels), result=width**levels, depth=levels, **more)


BATCH = "64 sub-calls of 200 ms"
SHOWS = (
    many("batch", 64, name="batched", title=f"{BATCH}, batched", target=1.25),
    many("loop", 64, name="loop", title=f"{BATCH}, plain loop", target=1.5),
    many("batch", 1_000, name="thousand", title="1,000 sub-calls of 100 ms", latency=0.1, cap=1_000, target=1.6),
    many("batch", 1_000, name="relaxed", title="the same, the collector relaxed", latency=0.1, cap=1_000, target=1.6,
         relaxed=True),
    many("batch", 1_000, name="litellm", title="the same through litellm", latency=0.1, cap=1_000, litellm=True),
    woods(4, 3, name="tree", title="depth 3: 21 nodes with a REPL, 64 leaves of 100 ms", latency=0.1, target=2.5),
    *(
        woods(7, 3, name=f"woods-{cap}", title=f"7 x 7 x 7 tree, {cap} in flight", latency=0.002, cap=cap)
        for cap in (1, 8, 64)
    ),
    Show(
        name="turns", title="20 turns of a 0 ms model", task="[[turns 20 {name}]]", result=20, target=0.06,
        bare=lambda bare, name: bare.turns(20, name), absolute=True,
    ),
    many("batch", 8, name="at-once", title="32 queries at once, 8 sub-calls of 200 ms each",
         at_once=32, cap=256, target=2.0),
    many("batch", 199, name="rate", title="200 calls against 50 requests a second", latency=0.1, cap=256,
         serving=("--rate", "50"), per_minute=3_000, target=1.1),
    many("batch", 199, name="rate-unknown", title="the same, with no rate configured", latency=0.1, cap=256,
         serving=("--rate", "50")),
    many("loop", 64, name="errors", title=f"{BATCH}, 10 % answered HTTP 500", serving=("--error", "0.1"), target=2.0),
    many("loop", 64, name="hung", title=f"{BATCH}, 5 % never answered (timeout 1 s)", serving=("--hang", "0.05"),
         timeout=1.0),
    many("loop", 64, name="truncated", title=f"{BATCH}, 10 % of the bodies cut short", serving=("--truncate", "0.1")),
    many("loop", 64, name="cut", title=f"{BATCH}, streamed, 10 % of the streams cut short",
         serving=("--cut", "0.1"), streamed=True),
)  # fmt: skip
