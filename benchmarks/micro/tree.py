"""What the live tree costs: one picture of a run at work, and one event, with 10,000 nodes as with 100.

A picture is chosen, laid out and drawn by rich into memory; a terminal's own time is not in it.

    python -m benchmarks.micro.tree [--nodes 10000] [--rounds 30]
"""

from __future__ import annotations

import argparse
import io
import statistics
import time

from rich.console import Console

from rlm_async.cli.progress import Progress
from rlm_async.cli.tree import Picture
from rlm_async.core import events
from rlm_async.core.graph import State
from rlm_async.core.query import Query
from rlm_async.core.usage import Limits, Usage

WIDTH = 160
HEIGHTS = (24, 60, 200)
MODEL = "openai/gpt-5-mini"


def story(nodes: int) -> list[events.Event]:
    """A root, the square root of `nodes` children, leaves below; two thirds of them done, the rest at work."""
    root = Query(prompt="Which contracts renew by themselves?", model="openai/gpt-5", strategy="repl")
    told: list[events.Event] = [events.RunStarted(at=0, run="r", started=0, query=root, limits=Limits())]
    told.append(events.NodeAdded(at=0, node=0, parent=None, depth=0, query=root))
    told.append(events.NodeMoved(at=0, node=0, state=State.RUNNING))
    wide = max(1, int(nodes**0.5))
    number = 0
    for child in range(wide):
        number += 1
        parent = number
        query = Query(prompt=f"Read folder {child} of the contracts, and say which renew", model="openai/gpt-5")
        told.append(events.NodeAdded(at=1, node=parent, parent=0, depth=1, query=query))
        told.append(events.NodeMoved(at=1, node=parent, state=State.RUNNING))
        for leaf in range((nodes - 1 - wide) // wide):
            number += 1
            query = Query(prompt=f"Does contract {child}-{leaf} renew by itself?", model=MODEL, strategy="direct")
            told.append(events.NodeAdded(at=1, node=number, parent=parent, depth=2, query=query))
            told.append(events.NodeMoved(at=1, node=number, state=State.RUNNING))
            told.append(events.ModelAsked(at=1, node=number, call=0, model=MODEL, prompt_characters=400))
            if child * 3 < wide * 2:
                usage = Usage(calls=1, prompt_tokens=100, completion_tokens=5, nanos=40_000)
                told.append(events.ModelReplied(at=2, node=number, call=0, model=MODEL, usage=usage, text="yes"))
                told.append(events.NodeMoved(at=2, node=number, state=State.DONE))
    return told


def pictures(progress: Progress, height: int, rounds: int) -> list[float]:
    console = Console(file=io.StringIO(), width=WIDTH, height=height, force_terminal=True)
    picture, times = Picture(progress), []
    for _ in range(rounds):
        began = time.perf_counter()
        console.print(picture.drawn(3.0, height, WIDTH))
        times.append(time.perf_counter() - began)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    for nodes in (100, options.nodes):
        told, progress = story(nodes), Progress()
        began = time.perf_counter()
        for event in told:
            progress(event)
        each = (time.perf_counter() - began) / len(told)
        assert len(progress.nodes) >= nodes * 0.9
        drawn = ", ".join(
            f"{height} lines {statistics.median(pictures(progress, height, options.rounds)) * 1000:.1f} ms"
            for height in HEIGHTS
        )
        print(f"{len(progress.nodes):>6} nodes: {each * 1e6:.1f} us an event; a picture of {drawn}")


if __name__ == "__main__":
    main()
