"""Runs that never were, told as events: of any size, the same for the same seed."""

from __future__ import annotations

import random
from collections import deque

from rlm_async.core import events
from rlm_async.core.context import Context, Document
from rlm_async.core.graph import State
from rlm_async.core.query import Query
from rlm_async.core.transcript import CodeError, Output, Submission
from rlm_async.core.usage import Limits, Usage

QUESTION = "Which of these contracts renew by themselves, and with how much notice can each be ended?"
LOOK = """I will look at the context first.

```repl
print(len(context), "contracts")
for name in list(context)[:3]:
    print(name, context[name][:80])
```"""
FAN = """Now each part is asked about by itself.

```repl
import re

prompts = []
for name, text in context.items():
    clause = re.search(r"(?i)renew.{{0,400}}", text)  # the clause, where there is one
    prompts.append(f"{{name}}: does it renew by itself?\\n{{clause[0] if clause else text[:2000]}}")
found = {ask}(prompts)
answer["content"] = "\\n".join(line for line in found if "yes" in line.lower())
answer["ready"] = True
```
"""
SEEN = """8 contracts
contracts/supply.txt This supply agreement renews. This supply agreement renews. This supply agr
contracts/licence.txt This licence agreement renews. This licence agreement renews. This licence
contracts/lease.txt This lease agreement renews. This lease agreement renews. This lease agreeme
"""
SUBJECTS = ("supply", "licence", "lease", "agency", "franchise", "hosting", "consulting", "distribution")


def code_of(reply):
    """The code of a reply that holds one block."""
    return reply.split("```repl\n")[1].split("```")[0]


class Simulation:
    """Writes the events of a tree of REPL nodes with plain completions at its leaves."""

    def __init__(self, widths, seed=1, shared=0.0, failing=0.0, unknown_price=False, text=400):
        self.random = random.Random(seed)
        self.widths, self.shared, self.failing = widths, shared, failing
        self.unknown_price = unknown_price
        self.text = text
        self.events = []
        self.nodes = 0
        self.leaves = {}
        """Leaf to the time at which it was asked and the time at which it had its answer."""
        self.recent = deque(maxlen=100)
        self.sum = Usage()

    def run(self):
        context = Context(
            tuple(Document(f"contracts/{name}.txt", f"This {name} agreement renews. " * 300) for name in SUBJECTS),
            "corpus",
        )
        query = Query(prompt=QUESTION, context=context, model="openai/gpt-5", strategy="auto")
        limits = Limits(depth=len(self.widths), calls=20_000, usd=25.0)
        self.tell(
            0.0, events.RunStarted, run="20261123T001500-3fa9c1", started=1_795_400_100.0, query=query, limits=limits
        )
        end = self.node(None, 0, 0.0, query)
        self.tell(
            end + 0.002,
            events.RunEnded,
            run="20261123T001500-3fa9c1",
            status="complete",
            text="Five of the eight: supply (60 days), licence (30 days), lease (90 days), hosting (14 days) and agency (6 months).",
            usage=self.sum,
        )
        return [event for _, event in sorted(enumerate(self.events), key=lambda pair: (pair[1].at, pair[0]))]

    def tell(self, at, kind, **facts):
        self.events.append(kind(at=at, **facts))

    def call(self, number, call, at, text, waited=0.0):
        small = number > 0
        model = "openai/gpt-5-mini" if small else "openai/gpt-5"
        took = self.random.lognormvariate(-0.4 if small else 0.6, 0.5)
        usage = Usage(
            calls=1,
            prompt_tokens=self.random.randrange(300, 4_000),
            completion_tokens=self.random.randrange(10, 400),
            cached_tokens=0,
            nanos=None if self.unknown_price else self.random.randrange(100_000, 3_000_000),
        )
        self.sum += usage
        self.tell(at, events.ModelAsked, node=number, call=call, model=model, prompt_characters=5_000)
        end = at + waited + took
        self.tell(
            end,
            events.ModelReplied,
            node=number,
            call=call,
            model=model,
            usage=usage,
            text=text,
            waited=waited,
            seconds=took,
            attempts=2 if self.random.random() < 0.02 else 1,
        )
        return end

    def node(self, parent, depth, at, query, queued=0.0):
        number, self.nodes = self.nodes, self.nodes + 1
        self.tell(at, events.NodeAdded, node=number, parent=parent, depth=depth, query=query)
        self.tell(at, events.NodeMoved, node=number, state=State.RUNNING)
        if depth == len(self.widths):
            return self.leaf(number, at, queued)
        return self.root(number, depth, at)

    def leaf(self, number, at, queued):
        self.tell(at, events.StrategyChosen, node=number, strategy="direct", reason="a sub-query at the last level")
        end = self.call(number, 0, at, "Yes: it renews for one year unless ended 60 days before.", waited=queued)
        self.leaves[number] = (at, end)
        self.recent.append(number)
        if self.random.random() < self.failing:
            error = "ModelUnavailable: the provider answered 503 five times; try again later"
            self.tell(end, events.NodeMoved, node=number, state=State.FAILED, error=error)
            return end
        self.tell(end, events.NodeAnswered, node=number, text="Yes: 60 days.", status="complete", usage=Usage(calls=1))
        self.tell(end, events.NodeMoved, node=number, state=State.DONE)
        return end

    def root(self, number, depth, at):
        self.tell(
            at, events.StrategyChosen, node=number, strategy="repl", reason="the input is longer than 16,000 tokens"
        )
        at = self.call(number, 0, at, LOOK)
        self.tell(at, events.SandboxOpened, node=number, layers=("policy", "process", "seccomp", "landlock"))
        at = self.cell(number, 0, at, code_of(LOOK), Output(stdout=SEEN, stdout_characters=len(SEEN)))
        last = depth + 1 == len(self.widths)
        reply = FAN.format(ask="llm_query_batched" if last else "rlm_query_batched")
        at = self.call(number, 1, at, reply)
        self.tell(at, events.CellStarted, node=number, cell=1, code=code_of(reply))
        at += 0.004
        ends = [self.child(number, depth, at + place * 1e-5, place) for place in range(self.widths[depth])]
        at += len(ends) * 1e-5
        self.tell(at, events.NodeMoved, node=number, state=State.WAITING)
        at = max(at, *ends)
        self.tell(at, events.NodeMoved, node=number, state=State.RUNNING)
        at += 0.003
        lines = "\n".join(f"{name}: yes, 60 days" for name in SUBJECTS)
        output = Output(
            stdout=lines,
            stdout_characters=len(lines),
            answer=Submission(lines),
            error=CodeError("KeyError", "'bogus'", 3, "found['bogus']")
            if self.random.random() < self.failing
            else None,
            cpu_seconds=0.002,
        )
        self.tell(at, events.CellEnded, node=number, cell=1, output=output)
        self.tell(at, events.NodeAnswered, node=number, text=lines, status="complete", usage=Usage(calls=2))
        self.tell(at, events.NodeMoved, node=number, state=State.DONE)
        return at

    def child(self, number, depth, at, place):
        there = [leaf for leaf in self.recent if self.leaves[leaf][0] <= at] if self.shared else []
        if there and depth + 1 == len(self.widths) and self.random.random() < self.shared:
            leaf = self.random.choice(there)
            query = Query(prompt=self.prompt(leaf), model="openai/gpt-5-mini", strategy="direct")
            self.tell(at, events.NodeAdded, node=leaf, parent=number, depth=depth + 1, query=query, shared=True)
            return max(at, self.leaves[leaf][1])
        query = Query(prompt=self.prompt(self.nodes), model="openai/gpt-5-mini", strategy="direct")
        return self.node(number, depth + 1, at, query, queued=(place // 64) * 0.8)

    def cell(self, number, cell, at, code, output):
        self.tell(at, events.CellStarted, node=number, cell=cell, code=code)
        self.tell(at + 0.006, events.CellEnded, node=number, cell=cell, output=output)
        return at + 0.006

    def prompt(self, number):
        subject = SUBJECTS[number % len(SUBJECTS)]
        head = f"Does this contract renew by itself? Answer yes or no, and the notice.\n\ncontracts/{subject}-{number}.txt\n"
        return head + f"The term of this {subject} agreement shall renew. " * (self.text // 50)


def simulated(widths, **settings):
    """The events of a run whose nodes have so many children at each depth."""
    return Simulation(widths, **settings).run()
