"""What the scripted model says: programs for each task, in the dialect that each framework wants.

A prompt names its task between double brackets; everything said is a function of the prompt alone:

    [[loop 64 x]]    a plain loop of 64 sub-calls      [[tree 4 3 x]]   a tree, 4 wide, 3 levels
    [[batch 64 x]]   the same, batched                 [[turns 20 x]]   20 turns without a sub-call
    [[leaf x.7]]     a leaf: answered with 1

`x` makes the prompts of one run different from those of another, so that no cache answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

TASK = re.compile(r"\[\[(tree) (\d+) (\d+) (\S+?)\]\]|\[\[(loop|batch|turns) (\d+) (\S+?)\]\]|\[\[(leaf) (\S+?)\]\]")
TURN = re.compile(r"\[\[turn (\d+)\]\]")
TOTAL = re.compile(r"\[\[total \d+\]\]")


@dataclass(frozen=True)
class Task:
    """A task as a prompt names it. `size` is calls, turns, or the width of a tree with `levels` below."""

    kind: str
    name: str
    size: int = 0
    levels: int = 0

    @property
    def leaf(self) -> bool:
        return self.kind == "leaf" or (self.kind == "tree" and self.levels == 0)


def task_in(prompt: str) -> Task:
    """The first task that a prompt names; a prompt without one is a leaf."""
    found = TASK.search(prompt)
    if found is None:
        return Task("leaf", "")
    if found[1]:
        return Task("tree", found[4], int(found[2]), int(found[3]))
    if found[5]:
        return Task(found[5], found[7], int(found[6]))
    return Task("leaf", found[9])


@dataclass(frozen=True)
class Dialect:
    """How one framework wants programs: names of its functions, its fence, and its way to answer."""

    fence: Callable[[str], str]
    final: str
    """Code that answers with the variable `total`."""
    one: str = "llm_query({prompt})"
    batch: str = "llm_query_batched({prompts})"
    children: str = "rlm_query_batched({prompts})"
    """Sub-queries that may recurse, from a list of prompts."""
    value: str = "int({reply})"
    """A sub-call's answer as a number."""
    said: str = "1"
    """What a leaf answers."""
    prelude: str = ""
    """What it insists on before anything else."""
    last: str = ""
    """A reply of its own that answers, once `final` has printed the total, where code may not answer."""


def program(task: Task, dialect: Dialect, prompt: str) -> str:
    """The code that solves a task."""
    if task.kind == "turns":
        return _turn(task, dialect, prompt)
    if task.kind == "loop":
        ask = dialect.one.format(prompt="prompt")
        return (
            f"total = 0\nfor i in range({task.size}):\n"
            f"    prompt = f'[[leaf {task.name}.{{i}}]]'\n    reply = {ask}\n"
            f"    total = total + {dialect.value.format(reply='reply')}\n{dialect.final}"
        )
    if task.kind == "batch":
        prompts = f"prompts = [f'[[leaf {task.name}.{{i}}]]' for i in range({task.size})]"
        ask = dialect.batch
    else:
        below = f"[[tree {task.size} {task.levels - 1} {task.name}.{{i}}]]"
        prompts = f"prompts = [f'{below}' for i in range({task.size})]"
        ask = dialect.children if task.levels > 1 else dialect.batch
    number = dialect.value.format(reply="reply")
    return (
        f"{prompts}\nreplies = {ask.format(prompts='prompts')}\n"
        f"total = 0\nfor reply in replies:\n    total = total + {number}\n{dialect.final}"
    )


def _turn(task: Task, dialect: Dialect, prompt: str) -> str:
    """One turn: it prints its number, which the next prompt then holds; the last one answers."""
    turn = max((int(number) for number in TURN.findall(prompt)), default=0) + 1
    if turn < task.size:
        return f"print('[[' + 'turn {turn}' + ']]')"
    return f"total = {turn}\n{dialect.final}"


def said(prompt: str, dialect: Dialect, *, blind: bool = False) -> str:
    """What the model answers to a prompt; `blind` is one that names no task but has a REPL to look for it."""
    if blind:
        return dialect.fence("print(context)")
    task = task_in(prompt)
    if task.leaf:
        return dialect.said
    if dialect.last and TOTAL.search(prompt):
        return dialect.last
    return dialect.fence(dialect.prelude + program(task, dialect, prompt))


def block(tag: str) -> Callable[[str], str]:
    return lambda code: f"```{tag}\n{code}\n```"


OURS = Dialect(fence=block("repl"), final='answer["content"] = str(total)\nanswer["ready"] = True')
