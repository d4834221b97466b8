"""The instruments that runs are measured with. One set serves all runs of a program."""

from __future__ import annotations

from opentelemetry.metrics import Counter, Histogram, Meter, MeterProvider, UpDownCounter, get_meter

from rlm_async.telemetry import conventions as names

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_LONG = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Bucket boundaries as the GenAI conventions give them."""


class Instruments:
    """Histograms and counters of the GenAI conventions, and ours (`rlm.*`) for what they have no name for."""

    def __init__(self, provider: MeterProvider | None = None) -> None:
        """Use `provider`, or the one that the program has set up or will set up."""
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
        self.queue = _histogram(meter, "rlm.call.queue.duration", "s", "A model call's wait for its turn.", _SECONDS)
        self.input = _counter(meter, "gen_ai.client.inference.usage.input_tokens", "{token}", "Input tokens.")
        self.output = _counter(meter, "gen_ai.client.inference.usage.output_tokens", "{token}", "Output tokens.")
        self.cached = _counter(
            meter,
            "gen_ai.client.inference.usage.cache_read.input_tokens",
            "{token}",
            "Input tokens that the provider read from its cache.",
        )
        self.usd = _counter(meter, "rlm.cost", "{USD}", "Money, where the price is known.")
        self.unpriced = _counter(meter, "rlm.calls.unpriced", "{call}", "Model calls whose price is unknown.")
        self.hits = _counter(meter, "rlm.cache.hits", "{call}", "Model calls answered from our own cache.")
        self.shared = _counter(meter, "rlm.nodes.shared", "{node}", "Sub-queries that found their node there already.")
        self.retries = _counter(meter, "rlm.retries", "{attempt}", "Attempts that failed and were made again.")
        self.refusals = _counter(meter, "rlm.refusals", "{refusal}", "Times a limit or a rule of the run said no.")
        self.in_flight = _gauge(meter, "rlm.calls.in_flight", "{call}", "Model calls asked and not ended.")
        self.nodes = _gauge(meter, "rlm.nodes.active", "{node}", "Nodes by state: queued, running, waiting.")
        self.runs = _gauge(meter, "rlm.runs.active", "{run}", "Runs that have begun and not ended.")


def _histogram(meter: Meter, name: str, unit: str, description: str, bounds: tuple[float, ...]) -> Histogram:
    return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=list(bounds))


def _counter(meter: Meter, name: str, unit: str, description: str) -> Counter:
    return meter.create_counter(name, unit, description)


def _gauge(meter: Meter, name: str, unit: str, description: str) -> UpDownCounter:
    return meter.create_up_down_counter(name, unit, description)
