"""The local model as a Model: finds or starts its server, asks it, and starts it again if it crashed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import anyio
import anyio.to_thread

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Request
from rlm_async.core.usage import ModelInfo
from rlm_async.errors import ModelUnavailable
from rlm_async.models.local.progress import Reporter
from rlm_async.models.local.settings import Serving, Settings
from rlm_async.models.local.supervisor import Supervisor


class Client(Protocol):
    """A model behind an address, with connections to give back."""

    async def __call__(self, request: Request, budget: Budget) -> Completion:
        """Answer one request."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True)
class Link:
    """A server, and the client that speaks to it."""

    serving: Serving
    client: Client


class LocalModel:
    """A small model on this machine. Greedy (temperature 0) unless asked otherwise; costs nothing.

    Give it the text first and the question last: what two prompts have in common at their beginning is
    read once.
    """

    def __init__(
        self,
        known: ModelInfo,
        settings: Settings,
        supervisor: Supervisor,
        connect: Callable[[Serving], Client],
        report: Reporter,
    ) -> None:
        """`connect` makes a client for a server; `report` hears when one is started."""
        self.info = known
        self.settings = settings
        self._supervisor = supervisor
        self._connect = connect
        self._report = report
        self._slots = anyio.CapacityLimiter(settings.slots)
        self._changing = anyio.Lock()
        self._link: Link | None = None

    async def __call__(self, request: Request, budget: Budget) -> Completion:
        """Answer one request; a server that died over it is started again, once."""
        wanted = replace(
            request,
            model=self.settings.name,
            temperature=0.0 if request.temperature is None else request.temperature,
            max_tokens=request.max_tokens or self.info.max_output,
        )
        began = anyio.current_time()
        async with self._slots:
            waited = anyio.current_time() - began
            link = await self.ready()
            try:
                completion = await link.client(wanted, budget)
            except ModelUnavailable:
                if not await self._died(link):
                    raise
                completion = await self._again(wanted, budget)
        return replace(completion, waited=completion.waited + waited)

    async def ready(self) -> Link:
        """The link to the running server, which is started if need be."""
        async with self._changing:
            if self._link is None:
                serving = await anyio.to_thread.run_sync(
                    self._supervisor.ensure, self.settings, self._report, abandon_on_cancel=True
                )
                self._link = Link(serving, self._connect(serving))
            return self._link

    async def aclose(self) -> None:
        """Close the connections. The server stays for the next run, until it has been idle long enough."""
        link, self._link = self._link, None
        if link is not None:
            await link.client.aclose()

    async def _again(self, request: Request, budget: Budget) -> Completion:
        link = await self.ready()
        try:
            return await link.client(request, budget)
        except ModelUnavailable as error:
            if await self._died(link):
                raise ModelUnavailable(f"{self.settings.name} crashed twice over the same request") from error
            raise

    async def _died(self, link: Link) -> bool:
        """Whether the server at the other end of `link` is gone; the link is given up then."""
        async with self._changing:
            found = await anyio.to_thread.run_sync(self._supervisor.find, self.settings)
            if found == link.serving:
                return False
            if self._link is link:  # else a sibling has seen it before us
                await self.aclose()
            return True
