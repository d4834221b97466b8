"""Bare: the same requests in the same order of dependence, by a small asyncio + aiohttp program."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp

FAST = 0.05
"""Seconds before a bare program repeats a request that failed."""


@dataclass
class Bare:
    """Asks one server. `cap` requests in flight at once; `pace` requests in a burst each second and a little."""

    url: str
    session: aiohttp.ClientSession
    cap: int
    pace: int | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.cap)
        self._sent = 0
        self._began: float | None = None

    async def ask(self, prompt: str) -> str:
        """One request, repeated until it is answered."""
        async with self._slots:
            while True:
                await self._turn()
                try:
                    return await self._once(prompt)
                except (aiohttp.ClientError, TimeoutError, ValueError):
                    await asyncio.sleep(FAST)

    async def _once(self, prompt: str) -> str:
        body = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
        timeout = aiohttp.ClientTimeout(total=self.timeout)
        async with self.session.post(f"{self.url}/v1/chat/completions", json=body, timeout=timeout) as reply:
            if reply.status == 429:
                await asyncio.sleep(float(reply.headers["Retry-After"]))
            reply.raise_for_status()
            whole = await reply.json()
        return whole["choices"][0]["message"]["content"]

    async def _turn(self) -> None:
        if self.pace is None:
            return
        loop = asyncio.get_running_loop()
        self._began = loop.time() if self._began is None else self._began
        burst = self._sent // self.pace
        self._sent += 1
        await asyncio.sleep(max(0.0, self._began + burst * 1.02 - loop.time()))

    async def fan(self, root: str, name: str, width: int) -> int:
        """A root, then its leaves at once."""
        await self.ask(root)
        replies = await asyncio.gather(*(self.ask(f"[[leaf {name}.{i}]]") for i in range(width)))
        return sum(int(reply) for reply in replies)

    async def tree(self, width: int, levels: int, name: str) -> int:
        """A node, then its children at once."""
        reply = await self.ask(f"[[tree {width} {levels} {name}]]")
        if levels == 0:
            return int(reply)
        below = (self.tree(width, levels - 1, f"{name}.{i}") for i in range(width))
        return sum(await asyncio.gather(*below))

    async def turns(self, count: int, name: str) -> int:
        """One request after the other, each longer than the last."""
        prompt = f"[[turns {count} {name}]]"
        for turn in range(1, count + 1):
            await self.ask(prompt)
            prompt += f"\n[[turn {turn}]]"
        return count
