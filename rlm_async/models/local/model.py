"""The local model as a Model: finds its server or starts it, also after a crash, and asks it."""

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
        """Answer one request. ModelUnavailable where the server died over it; the next attempt starts another."""
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
            except ModelUnavailable as error:
                if not await anyio.to_thread.run_sync(self._supervisor.ended, self.settings, link.serving):
                    raise
                text = f"the process of {self.settings.name} ended while it answered; the next call starts it again"
                raise ModelUnavailable(text, received=error.received) from error
        free = replace(completion.usage, nanos=0)
        return replace(completion, usage=free, waited=completion.waited + waited)

    async def ready(self) -> Link:
        """The link to the running server, which is started if need be."""
        async with self._changing:
            serving = await anyio.to_thread.run_sync(
                self._supervisor.ensure, self.settings, self._report, abandon_on_cancel=True
            )
            if self._link is None or self._link.serving != serving:
                await self.aclose()  # the old server is gone, and with it whatever was asked there
                self._link = Link(serving, self._connect(serving))
            return self._link

    async def aclose(self) -> None:
        """Close the connections. The server stays for the next run, until it has been idle long enough."""
        link, self._link = self._link, None
        if link is not None:
            await link.client.aclose()
