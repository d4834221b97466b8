"""All models of a process by name: each with its rings around it, opened when first asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import anyio
import anyio.to_thread

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Completion, Request
from rlm_async.core.usage import Limits, ModelInfo, Rates
from rlm_async.errors import ConfigError, ModelError, ModelUnavailable, RateLimited
from rlm_async.models.catalogue import PriceList
from rlm_async.models.endpoint import Endpoint
from rlm_async.models.gate import GateStatistics
from rlm_async.models.gates import Gates, Same
from rlm_async.models.litellm_client import LiteLLMClient
from rlm_async.models.openai_reply import Listener
from rlm_async.models.stack import Rings, Stack, stack
from rlm_async.models.tariff import check_prices
from rlm_async.models.wire import bare_name
from rlm_async.ports import Catalogue, Model

_REST = 30.0
"""Seconds for which a model that was down is passed over, where there is another to fall back on."""


@runtime_checkable
class Closable(Protocol):
    """A client that holds connections."""

    async def aclose(self) -> None:
        """Give them back."""
        ...


@runtime_checkable
class Checkable(Protocol):
    """A client that can tell beforehand whether it will work."""

    async def check(self, model: str) -> ModelInfo | None:
        """What is known of the model beyond the price list; raises ConfigError where it cannot work."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where models come from.

    `given` are objects of the Model protocol by name; they stay the caller's to close, and may have an
    `info`. `local` opens the embedded model for names that `is_local` knows. Any other name is asked at
    `api_base` where there is one, else through litellm. `infos` overrides what is known of a name.
    `timeout` is seconds for one attempt. With a `listener`, replies of an `api_base` are streamed to it.
    """

    given: Mapping[str, Model] = field(default_factory=dict)
    local: Callable[[str], Model] | None = None
    is_local: Callable[[str], bool] = lambda name: name == "local"
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 600.0
    listener: Listener | None = None
    infos: Mapping[str, ModelInfo] = field(default_factory=dict)
    catalogue: Catalogue = field(default_factory=PriceList)

    def client(self, name: str, connections: int) -> Model:
        """The bare model of a name; nothing is connected yet. Raises ConfigError."""
        if name in self.given:
            return self.given[name]
        if self.local is not None and self.is_local(name):
            return self.local(name)
        if self.api_base is None:
            return LiteLLMClient(api_key=self.api_key, timeout=self.timeout)
        # imported here: aiohttp takes 0.4 s, which a program that asks nobody should not pay
        from rlm_async.models.openai_http import OpenAIClient  # noqa: PLC0415

        endpoint = Endpoint.parse(self.api_base, self.api_key)
        return OpenAIClient(endpoint, connections=connections, timeout=self.timeout, listener=self.listener)

    def open(self, name: str, connections: int) -> tuple[Model, ModelInfo]:
        """The bare model, and what is known of it before anyone was asked."""
        client = self.client(name, connections)
        if name in self.infos:
            return client, self.infos[name]
        own = getattr(client, "info", None)
        if isinstance(own, ModelInfo):
            return client, own
        return client, self.catalogue(name) if isinstance(client, LiteLLMClient) else ModelInfo(name=name)

    def account(self, name: str) -> Hashable:
        """Whose requests a provider counts together with those to `name`; holds no key, only its digest."""
        if name in self.given:
            return Same(self.given[name])
        if self.local is not None and self.is_local(name):
            return ("local", name)
        base, key = None, self.api_key
        if self.api_base is not None:
            endpoint = Endpoint.parse(self.api_base, self.api_key)
            base, key, name = endpoint.socket or endpoint.base, endpoint.authorization, bare_name(name)
        return (base, hashlib.blake2b((key or "").encode(), digest_size=16).digest(), name)


class ModelTable:
    """A Model that hands each request to the stack of the model it names, and a Catalogue (`info`).

    An async context manager: leaving it closes the clients it has opened. Where a model stays down after
    a few tries, `fallbacks` are asked in order, and the one that was down is left alone for 30 s. Its gates
    outlive it where the rings bring some.
    """

    def __init__(self, sources: Sources, rings: Rings | None = None, fallbacks: Sequence[str] = ()) -> None:
        """Open nothing yet; raises ConfigError for an address that is none."""
        if sources.api_base is not None:
            Endpoint.parse(sources.api_base, sources.api_key)
        self._sources = sources
        self._rings = rings or Rings()
        self._fallbacks = tuple(fallbacks)
        own = Gates(self._rings.clock, self._rings.patience.seconds)
        self._gates = own if self._rings.gates is None else self._rings.gates
        self._joined: list[tuple[Hashable, Rates]] = []
        self._stacks: dict[str, Stack] = {}
        self._clients: dict[str, Model] = {}
        self._checked: set[str] = set()

    async def __aenter__(self) -> Self:
        """Nothing to open: clients open when asked."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close every client that this table has opened."""
        clients = [client for name, client in self._clients.items() if name not in self._sources.given]
        self._clients.clear()
        self._stacks.clear()
        self._checked.clear()
        while self._joined:
            self._gates.leave(*self._joined.pop())
        with anyio.CancelScope(shield=True):
            for client in clients:
                if isinstance(client, Closable):
                    await client.aclose()

    async def __call__(self, request: Request, budget: Budget) -> Completion:
        """Answer with the model that `request` names, or with a fallback where it is down."""
        if not self._fallbacks:
            return await self._stack(request.model).model(request, budget)
        *names, last = self._order(request.model)
        for name in names:
            try:
                return await self._stack(name).hasty(replace(request, model=name), budget)
            except (ModelUnavailable, RateLimited):
                self._stack(name).gate.rest(_REST)
        return await self._stack(last).model(replace(request, model=last), budget)

    def info(self, model: str) -> ModelInfo:
        """What is known of a model; never raises, asks nobody."""
        try:
            return self._stack(model).tariff.info
        except (ConfigError, ModelError):
            return ModelInfo(name=model)

    def statistics(self) -> Mapping[str, GateStatistics]:
        """The gate of each model that was asked."""
        return {name: found.gate.statistics() for name, found in self._stacks.items()}

    async def prepare(self, models: Iterable[str], limits: Limits) -> None:
        """Find out before anything runs what would fail: raises ConfigError, and fills in windows.

        A name that no provider knows, a key that is not set or refused, a server that is not there, a
        usd limit without a price. A model with fallbacks may be out of reach.
        """
        names = list(dict.fromkeys([*models, *self._fallbacks]))
        for name in (name for name in names if name not in self._stacks):
            # in a thread, because imports and the price list take their time
            client, info = await anyio.to_thread.run_sync(self._sources.open, name, self._rings.rates.concurrency)
            self._add(name, client, info)
        check_prices(limits, names, self.info)
        for name in (name for name in names if name not in self._checked):
            await self._check(name)
            self._checked.add(name)

    async def _check(self, name: str) -> None:
        client = self._clients[name]
        if not isinstance(client, Checkable):
            return
        try:
            found = await client.check(name)
        except ConfigError:
            if self._fallbacks and name != self._fallbacks[-1]:
                return
            raise
        if found is not None and found.window is not None:
            tariff = self._stacks[name].tariff
            tariff.info = replace(tariff.info, window=tariff.info.window or found.window)

    def _stack(self, name: str) -> Stack:
        if name not in self._stacks:
            self._add(name, *self._sources.open(name, self._rings.rates.concurrency))
        return self._stacks[name]

    def _add(self, name: str, client: Model, info: ModelInfo) -> None:
        if name in self._stacks:
            return
        most = self._rings.rates.concurrency
        rates = replace(self._rings.rates, concurrency=min(most, info.concurrency or most))
        account = self._sources.account(name)
        gate = self._gates.join(account, rates)
        self._joined.append((account, rates))
        self._clients[name] = client
        info = replace(info, concurrency=rates.concurrency)
        self._stacks[name] = stack(client, info, self._rings, gate)

    def _order(self, name: str) -> list[str]:
        """Whom to ask: the model and its fallbacks, without those known to be down, but always someone."""
        names = list(dict.fromkeys([name, *self._fallbacks]))
        return [name for name in names if not self._stack(name).gate.resting] or names
