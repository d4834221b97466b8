"""Which implementation stands behind which name: read this to swap one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from rlm_async.api.keeping import JournalFile, Keeping, opened_journal
from rlm_async.api.lending import Lent
from rlm_async.core.usage import Limits, ModelInfo, Rates
from rlm_async.engine.recorder import running_clock
from rlm_async.errors import ConfigError
from rlm_async.journal import Journal
from rlm_async.models.gates import Gates
from rlm_async.models.stack import Rings
from rlm_async.models.table import ModelTable, Sources
from rlm_async.ports import Folding, Model, SandboxFactory, Sink, Strategy, Tool
from rlm_async.sandbox.limits import CellLimits
from rlm_async.sandbox.named import check_name
from rlm_async.sandbox.named import opened as opened_sandbox
from rlm_async.strategies.folding import Elide, Summarise
from rlm_async.strategies.registry import strategies
from rlm_async.telemetry.content import secrets_of
from rlm_async.telemetry.details import Details
from rlm_async.telemetry.instruments import Instruments
from rlm_async.telemetry.metrics import MetricSink
from rlm_async.telemetry.spans import SpanSink

GIVEN = ("the given model", "the given sub-model")
"""What models are called that are handed in as objects."""
_GATES = Gates()
"""The one thing that all RLMs of a process share: a provider counts what the process sends, whoever in it asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What is open while questions are being answered."""

    table: ModelTable
    sandboxes: SandboxFactory
    strategies: Mapping[str, Strategy]
    root_model: str
    sub_model: str
    tools: Mapping[str, Tool] = field(default_factory=dict)
    """What the caller lends to model-written code."""
    kept: Keeping | None = None
    """Where runs are kept."""
    helpers: frozenset[str] = frozenset()
    """Models that work for the others and are not offered to sub-queries: one that folds histories."""

    @property
    def models(self) -> frozenset[str]:
        """The names that sub-queries may ask for."""
        return frozenset({self.root_model, self.sub_model})

    def keeping(self, batch: str = "", item: str = "", *, resume: bool = True) -> Keeping | None:
        """Where one run is kept. A turn of a session is never resumed: its variables went with its sandbox."""
        return self.kept and replace(self.kept, batch=batch, item=item, resume=resume)

    async def check(self, limits: Limits) -> None:
        """Raise ConfigError for what would fail anyway: a model nobody knows, a price that a limit needs."""
        await self.table.prepare(sorted(self.models | self.helpers), limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The caller's choices. `endpoint` is an address and a key, of which either may be missing.

    An address without a key gets OPENAI_API_KEY, as OpenAI's own clients do. `infos` are what the caller
    knows of models. `fallbacks` are asked in order where a model is down. `timeout` is seconds
    for one attempt.
    """

    models: tuple[str | Model, str | Model]
    endpoint: tuple[str | None, str | None] = field(repr=False)
    rates: Rates
    sandbox: SandboxFactory | str | None
    run_ahead: bool
    infos: Sequence[ModelInfo] = ()
    fallbacks: Sequence[str] = ()
    folding: Folding = field(default_factory=Elide)
    strategies: Mapping[str, Strategy] | None = None
    """By name; None: those that come with the package."""
    timeout: float = 600.0
    journal: JournalFile | None = None
    lent: Lent = field(default_factory=Lent)

    def __post_init__(self) -> None:
        """Raise ConfigError for what is no model."""
        for model in self.models:
            if not isinstance(model, str) and not callable(model):
                raise ConfigError(f"a model is a name or an object of the Model protocol, not {model!r}")
            if isinstance(model, str) and not model.strip():
                raise ConfigError("the model's name is empty; use a litellm name, or 'local'")
        if isinstance(self.sandbox, str):
            check_name(self.sandbox)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Resources]:
        """Everything that a run needs, for the length of the block. Nothing is connected before it is used."""
        root, sub = self.models
        names = [model if isinstance(model, str) else given for model, given in zip(self.models, GIVEN, strict=True)]
        if sub is root:
            names[1] = names[0]
        given = {name: model for name, model in zip(names, self.models, strict=True) if not isinstance(model, str)}
        teller = self.folding.model if isinstance(self.folding, Summarise) else None
        sources = self._sources(given)
        async with AsyncExitStack() as stack:
            tools = await stack.enter_async_context(self.lent.opened())
            journal = await stack.enter_async_context(opened_journal(self.journal))
            rings = Rings(rates=self.rates, clock=running_clock(), gates=_GATES)
            table = await stack.enter_async_context(ModelTable(sources, rings, self.fallbacks))
            sandboxes = self.sandbox
            if sandboxes is None or isinstance(sandboxes, str):
                named = opened_sandbox(sandboxes or "strict", cell=self._cell(), run_ahead=self.run_ahead)
                sandboxes = await stack.enter_async_context(named)
            yield Resources(
                table=table,
                sandboxes=sandboxes,
                strategies=self.strategies or strategies(self.folding),
                root_model=names[0],
                sub_model=names[1],
                tools=tools,
                kept=self._keeping(journal),
                helpers=frozenset({teller} if teller else ()),
            )

    def _keeping(self, journal: Journal | None) -> Keeping | None:
        """Where runs are kept; models that were handed in as objects are told by their classes, for want of names."""
        if journal is None:
            return None
        given = [model for model in self.models if not isinstance(model, str)]
        marks = tuple(f"{type(model).__module__}.{type(model).__qualname__}" for model in given)
        return Keeping(journal=journal, marks=marks, folding=self.folding.name)

    def _cell(self) -> CellLimits:
        """A cell may have as many sub-queries in flight as the gate lets through."""
        return CellLimits(window=max(CellLimits().window, self.rates.concurrency))

    def _sources(self, given: Mapping[str, Model]) -> Sources:
        base, key = self.endpoint
        if base is not None:
            key = key or os.environ.get("OPENAI_API_KEY")
        infos = {info.name: info for info in self.infos}
        return Sources(
            given=given,
            local=_local,
            is_local=_is_local,
            api_base=base,
            api_key=key,
            timeout=self.timeout,
            infos=infos,
        )


def secrets_in(api_base: str | None, api_key: str | None) -> tuple[str, ...]:
    """What an endpoint holds that must not be shown."""
    return (*secrets_of(api_base or ""), *((api_key,) if api_key else ()))


def views(endpoint: tuple[str | None, str | None]) -> tuple[Callable[[], Sink], ...]:
    """The views that every run has: spans and metrics, which cost next to nothing until a program sets up providers.

    What `endpoint` holds is cut out of content, should content be captured.
    """
    secrets = secrets_in(*endpoint)
    instruments, details = Instruments(), Details()  # the API keeps each for ever: one set for all runs
    return (lambda: SpanSink(secrets=secrets, details=details), lambda: MetricSink(instruments))


# The local model brings an HTTP client and an installer: half a second of imports, which a program that
# asks a provider should not pay, and which are made in a thread where they are (`ModelTable.prepare`).


def _local(name: str) -> Model:
    from rlm_async.models.local.opening import open_local  # noqa: PLC0415 - see above

    return open_local(name)


def _is_local(name: str) -> bool:
    from rlm_async.models.local.choice import is_local  # noqa: PLC0415 - see above

    return is_local(name)
