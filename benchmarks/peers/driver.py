"""Runs inside a peer's own environment: reads tasks from standard input, asks, and says how long it took.

    PEER_PYTHON driver.py ADAPTER URL DEPTH

A line in is a JSON list of questions, to be asked at once; a line out is seconds, CPU seconds and the answers.
"""

import importlib.util
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def main() -> None:
    path, url, depth = sys.argv[1], sys.argv[2], int(sys.argv[3])
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the peer prints must not come between
    spec = importlib.util.spec_from_file_location("adapter", path)
    adapter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(adapter)
    try:
        ask = adapter.asker(url, depth)
    except NotImplementedError as error:
        print(json.dumps({"cannot": str(error)}), file=said, flush=True)
        return
    print(json.dumps({"ready": True}), file=said, flush=True)
    for line in sys.stdin:
        questions = json.loads(line)
        cpu, began = time.process_time(), time.perf_counter()
        if len(questions) == 1:
            answers = [tried(ask, questions[0])]
        else:
            with ThreadPoolExecutor(len(questions)) as pool:
                answers = list(pool.map(lambda question: tried(ask, question), questions))
        taken = time.perf_counter() - began
        print(
            json.dumps({"seconds": taken, "cpu": time.process_time() - cpu, "answers": answers}), file=said, flush=True
        )


def tried(ask, question: str) -> str:
    try:
        return ask(question)
    except Exception as error:  # noqa: BLE001 - a peer may raise anything: that is its answer
        return f"{type(error).__name__}: {error}"[:300]


if __name__ == "__main__":
    main()
