"""Latency against the physical limit: ours and a bare asyncio + aiohttp program, taken in turn in one run."""
