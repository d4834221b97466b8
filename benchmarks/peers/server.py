"""An OpenAI-compatible server with a set latency that plays the models of a recursion tree.

It answers a prompt that holds `[[tree WIDTH LEVELS PATH]]` as a root program would: code that asks WIDTH
sub-queries one level down and adds up their answers. At level 0 it answers `1`. Everything it says is a
function of the prompt.

    python -m benchmarks.peers.server --latency 0.1     prints its address, serves until standard input closes
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys

from aiohttp import web

TASK = re.compile(r"\[\[tree (\d+) (\d+) (\S+)\]\]")

CODE = """```repl
prompts = [f"[[tree {width} {below} {path}.{{i}}]]" for i in range({width})]
replies = {ask}(prompts)
answer["content"] = str(sum(int(reply) for reply in replies))
answer["ready"] = True
```"""


def reply_to(prompt: str) -> str:
    """What a model that plays its part in the tree says; the first task in the prompt counts."""
    task = TASK.search(prompt)
    if task is None:
        return "1"
    width, level, path = int(task[1]), int(task[2]), task[3]
    if level == 0:
        return "1"
    ask = "rlm_query_batched" if level > 1 else "llm_query_batched"
    return CODE.format(width=width, below=level - 1, path=path, ask=ask)


class Server:
    """Answers chat completions after `latency` seconds; counts what it is asked."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.requests = 0
        self.in_flight = 0
        self.peak = 0

    async def complete(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await asyncio.sleep(self.latency)
        finally:
            self.in_flight -= 1
        text = reply_to("\n".join(str(m["content"]) for m in body["messages"] if m["role"] == "user"))
        prompt_tokens = sum(len(str(m["content"])) for m in body["messages"]) // 4
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(text) // 4 + 1}
        usage["total_tokens"] = sum(usage.values())
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        return web.json_response(
            {
                "id": f"c{self.requests}",
                "object": "chat.completion",
                "created": 0,
                "model": body["model"],
                "choices": [choice],
                "usage": usage,
            }
        )

    async def statistics(self, _: web.Request) -> web.Response:
        counted = {"requests": self.requests, "peak": self.peak}
        self.requests = self.peak = 0
        return web.json_response(counted)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_post("/v1/chat/completions", self.complete)
        app.router.add_get("/statistics", self.statistics)
        return app


async def serve(latency: float) -> None:
    runner = web.AppRunner(Server(latency).app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(json.dumps({"url": f"http://{host}:{port}"}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds before each reply")
    asyncio.run(serve(parser.parse_args().latency))
