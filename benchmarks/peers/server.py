"""An OpenAI-compatible server with a set latency that plays a model, with the faults of a real one.

What it says is in `plays.py`; in which framework's dialect, the model's name tells (`dialects.py`). Leaves
are answered after `--latency`, programs after `--thinking` (the same where it is not given).

    python -m benchmarks.peers.server --latency 0.1     prints its address, serves until standard input closes

Faults fall on leaves only, chosen by a hash of seed, prompt and attempt: the same in every run.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
from collections import Counter, deque

from aiohttp import web

from benchmarks.peers.dialects import dialect_of
from benchmarks.peers.plays import TASK, said, task_in

FAULTS = ("error", "hang", "truncate", "cut")


class Server:
    """Answers chat completions; counts what it is asked, and what it did instead of answering."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.latency = options.latency
        self.thinking = options.latency if options.thinking is None else options.thinking
        self.rate = options.rate
        self.shares = {fault: getattr(options, fault) for fault in FAULTS}
        self.seed = options.seed
        self.in_flight = 0
        self.counts: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.recent: deque[float] = deque()

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        prompt = "\n".join(text_of(m["content"]) for m in body["messages"] if m["role"] != "system")
        blind = TASK.search(prompt) is None and any(m["role"] == "system" for m in body["messages"])
        leaf = not blind and task_in(prompt).leaf
        self.counts["requests"] += 1
        if (wait := self.too_many()) is not None:
            self.counts["refused"] += 1
            return failed(429, "rate limit reached", {"Retry-After": f"{wait:.3f}"})
        fault = self.fault(prompt) if leaf else None
        self.in_flight += 1
        self.counts["peak"] = max(self.counts["peak"], self.in_flight)
        try:
            if latency := self.latency if leaf else self.thinking:
                await asyncio.sleep(latency)
            if fault == "hang":
                await asyncio.sleep(3600)
            return await self.reply(request, body, said(prompt, dialect_of(body["model"]), blind=blind), fault)
        finally:
            self.in_flight -= 1

    async def reply(self, request: web.Request, body: dict, text: str, fault: str | None) -> web.StreamResponse:
        if fault == "error":
            return failed(500, "seeded fault", {})
        if body.get("stream"):
            return await streamed(request, body, text, cut=fault == "cut")
        whole = completion(body, text)
        if fault != "truncate":
            return web.Response(body=whole, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
        await response.prepare(request)
        await response.write(whole[: len(whole) // 2])
        if request.transport is not None:
            request.transport.close()
        return response

    def too_many(self) -> float | None:
        """Seconds to wait, where a strict count over the last second says so."""
        if self.rate is None:
            return None
        now = asyncio.get_running_loop().time()
        while self.recent and self.recent[0] <= now - 1.0:
            self.recent.popleft()
        if len(self.recent) >= self.rate:
            return self.recent[0] + 1.0 - now
        self.recent.append(now)
        return None

    def fault(self, prompt: str) -> str | None:
        """What goes wrong with this attempt."""
        self.attempts[prompt] += 1
        digest = hashlib.blake2b(f"{self.seed} {prompt} {self.attempts[prompt]}".encode(), digest_size=8).digest()
        chance = int.from_bytes(digest, "big") / 2**64
        for fault, share in self.shares.items():
            if chance < share:
                self.counts[fault] += 1
                return fault
            chance -= share
        return None

    async def statistics(self, _: web.Request) -> web.Response:
        counted = {name: self.counts[name] for name in ("requests", "peak", "refused", *FAULTS)}
        self.counts.clear()
        return web.json_response(counted)

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "m", "object": "model"}]})

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_post("/v1/chat/completions", self.complete)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/statistics", self.statistics)
        return app


def text_of(content: object) -> str:
    """A message's text, also where it came in parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return str(content)


def usage_of(body: dict, text: str) -> dict[str, int]:
    prompt_tokens = sum(len(text_of(m["content"])) for m in body["messages"]) // 4
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(text) // 4 + 1}
    return {**usage, "total_tokens": sum(usage.values())}


def completion(body: dict, text: str) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    whole = {"id": "c", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]}
    return json.dumps({**whole, "usage": usage_of(body, text)}).encode()


async def streamed(request: web.Request, body: dict, text: str, *, cut: bool) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    pieces = [text[at : at + 16] for at in range(0, len(text), 16)]
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
    for piece in pieces[: len(pieces) // 2] if cut else pieces:
        choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
        await response.write(event({**chunk, "choices": [choice]}))
    if not cut:
        await response.write(event({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
        await response.write(event({**chunk, "choices": [], "usage": usage_of(body, text)}))
        await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


def event(chunk: dict) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def failed(status: int, message: str, headers: dict[str, str]) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status, headers=headers)


async def serve(options: argparse.Namespace) -> None:
    runner = web.AppRunner(Server(options).app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(json.dumps({"url": f"http://{host}:{port}"}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--latency", type=float, default=0.1, help="seconds before a leaf's reply")
    arguments.add_argument("--thinking", type=float, help="seconds before a program; default: the latency")
    arguments.add_argument("--rate", type=int, help="requests in any second, more get a 429 with Retry-After")
    for fault, meaning in zip(
        FAULTS, ("HTTP 500", "never answered", "body cut short", "stream cut short"), strict=True
    ):
        arguments.add_argument(f"--{fault}", type=float, default=0.0, help=f"share of leaf requests: {meaning}")
    arguments.add_argument("--seed", type=int, default=7, help="of the faults")
    return arguments


if __name__ == "__main__":
    asyncio.run(serve(parser().parse_args()))
