"""The instruments that runs are measured with. One set serves all runs of a program.

Sums are kept here, as plain numbers, and read when an exporter collects: an SDK's counter costs ten
microseconds an addition, and a node would make a dozen of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from opentelemetry.metrics import (
    CallbackOptions,
    Histogram,
    Meter,
    MeterProvider,
    NoOpMeterProvider,
    Observation,
    get_meter,
    get_meter_provider,
)

from rlm_async.telemetry import conventions as names

Attributes = dict[str, str | int]
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_LONG = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Bucket boundaries as the GenAI conventions give them."""


@dataclass(slots=True, eq=False)
class Sum:
    """A number for each set of attributes; each set is named by a key that whoever adds makes once."""

    values: dict[tuple[object, ...], float] = field(default_factory=dict)
    attributes: dict[tuple[object, ...], Attributes] = field(default_factory=dict)

    def add(self, amount: float, key: tuple[object, ...], attributes: Attributes) -> None:
        """Count `amount` in."""
        if key not in self.attributes:
            self.attributes[key] = attributes
        self.values[key] = self.values.get(key, 0) + amount

    def read(self, _: CallbackOptions) -> Iterable[Observation]:
        """What has come together; called from the exporter's thread."""
        return [Observation(value, self.attributes[key]) for key, value in tuple(self.values.items())]


class Instruments:
    """Histograms and sums of the GenAI conventions, and ours (`rlm.*`) for what they have no name for."""

    def __init__(self, provider: MeterProvider | None = None) -> None:
        """Use `provider`, or the one that the program has set up or will set up."""
        self._provider = provider
        meter = get_meter(names.SCOPE, meter_provider=provider)
        self.tokens = _histogram(meter, "gen_ai.client.token.usage", "{token}", "Tokens of a model call.", _TOKENS)
        self.call = _histogram(meter, "gen_ai.client.operation.duration", "s", "A model call.", _SECONDS)
        self.node = _histogram(meter, "gen_ai.invoke_agent.duration", "s", "A node, or a run, to its answer.", _LONG)
        self.node_calls = _histogram(
            meter, "gen_ai.invoke_agent.inference_calls", "{inference_call}", "Model calls of a node.", _COUNTS
        )
        self.node_cells = _histogram(
            meter, "gen_ai.invoke_agent.tool_calls", "{tool_call}", "Cells of a node.", _COUNTS
        )
        self.cell = _histogram(meter, "gen_ai.execute_tool.duration", "s", "A cell, its waiting included.", _SECONDS)
        self.queue = _histogram(
            meter, "rlm.call.queue.duration", "s", "The wait of a model call that did not go at once.", _SECONDS
        )
        counter = meter.create_observable_counter
        usage = "gen_ai.client.inference.usage"
        self.input = _sum(counter, f"{usage}.input_tokens", "{token}", "Input tokens.")
        self.output = _sum(counter, f"{usage}.output_tokens", "{token}", "Output tokens.")
        self.cached = _sum(counter, f"{usage}.cache_read.input_tokens", "{token}", "Input tokens read from a cache.")
        self.usd = _sum(counter, "rlm.cost", "{USD}", "Money, where the price is known.")
        self.unpriced = _sum(counter, "rlm.calls.unpriced", "{call}", "Model calls whose price is unknown.")
        self.hits = _sum(counter, "rlm.cache.hits", "{call}", "Model calls answered from our own cache.")
        self.speculative = _sum(counter, "rlm.calls.speculative", "{call}", "Model calls made ahead for nothing.")
        self.shared = _sum(counter, "rlm.nodes.shared", "{node}", "Sub-queries that found their node there already.")
        self.retries = _sum(counter, "rlm.retries", "{attempt}", "Attempts that failed and were made again.")
        self.refusals = _sum(counter, "rlm.refusals", "{refusal}", "Times a limit or a rule of the run said no.")
        level = meter.create_observable_up_down_counter
        self.in_flight = _sum(level, "rlm.calls.in_flight", "{call}", "Model calls asked and not ended.")
        self.nodes = _sum(level, "rlm.nodes.active", "{node}", "Nodes by state: queued, running, waiting.")
        self.runs = _sum(level, "rlm.runs.active", "{run}", "Runs that have begun and not ended.")

    @property
    def idle(self) -> bool:
        """Whether nobody reads them: the program has set up no provider yet, or one that keeps nothing."""
        provider = self._provider or get_meter_provider()
        return type(provider).__module__.startswith(NoOpMeterProvider.__module__)


def _histogram(meter: Meter, name: str, unit: str, description: str, bounds: tuple[float, ...]) -> Histogram:
    return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=list(bounds))


def _sum(make: Callable[..., object], name: str, unit: str, description: str) -> Sum:
    made = Sum()
    make(name, callbacks=[made.read], unit=unit, description=description)
    return made
