"""Sends spans, metrics and, where wanted, content out of a program: for command lines and servers.

A library never does this: it uses what its program has set up. Loads the SDK and the exporters, so it is
imported only where the variables ask for it (`ExportSettings.of`).
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.request import getproxies

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import Sampler

from rlm_async.telemetry import sampling, transports
from rlm_async.telemetry.queue import Carriage, SpanQueue
from rlm_async.telemetry.settings import ExportSettings, Route

LAST_SECONDS = 10.0
"""Seconds that the end of a program may take while something still arrives."""
PATIENCE = 1.5
"""Seconds without any arrival after which the collector counts as gone."""
LOOK_SECONDS = 0.3
"""Seconds to find out whether there is a collector at all."""
MARKS = 1_024
"""Links and events that a span may hold; the SDK's own 128 are less than the children of one node."""


@dataclass(slots=True, eq=False)
class Exporting:
    """What carries telemetry out, from `begin` to `close`."""

    settings: ExportSettings
    notes: list[str] = field(default_factory=list)
    """What a person should know, each in one line."""
    _queue: SpanQueue | None = None
    _ends: list[Callable[[], object]] = field(default_factory=list)

    @classmethod
    def begin(cls, settings: ExportSettings, version: str, environment: Mapping[str, str] = os.environ) -> Self:
        """Set up the program's providers. One that is there already stays, with what it does itself.

        `version` is the program's own.
        """
        found = cls(settings, list(settings.notes))
        resource = _resource(settings, version)
        if (route := settings.route("traces")) is not None:
            found._begin_traces(route, resource, environment)
        if (route := settings.route("metrics")) is not None:
            found._begin_metrics(route, resource)
        if (route := settings.route("logs")) is not None:
            found._begin_logs(route, resource)
        return found

    def close(self, seconds: float = LAST_SECONDS, patience: float = PATIENCE) -> str | None:
        """Send what is left, as long as something arrives; one line about what did not, None where all did."""
        threads = [threading.Thread(target=end, daemon=True, name="rlm-async-flush") for end in self._reachable_ends()]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        line = self._close_spans(seconds, patience)
        for thread in threads:
            thread.join(max(0.0, began + patience - time.monotonic()))
        return line

    def _close_spans(self, seconds: float, patience: float) -> str | None:
        queue, route = self._queue, self.settings.route("traces")
        if queue is None or route is None:
            return None
        if queue.left and (queue.tally.delivered or is_there(route)):
            queue.flush(seconds, patience)
        left = queue.left
        queue.shutdown()
        lost = queue.tally.dropped + queue.tally.refused + left
        if not lost:
            return None
        whole = lost + queue.tally.delivered
        reasons = [
            f"{queue.tally.dropped:,} found the queue full (OTEL_BSP_MAX_QUEUE_SIZE)" if queue.tally.dropped else "",
            f"{queue.tally.refused + left:,} were not taken by {route.address}" if queue.tally.refused + left else "",
        ]
        return f"{lost:,} of {whole:,} spans are lost: {'; '.join(reason for reason in reasons if reason)}"

    def _reachable_ends(self) -> list[Callable[[], object]]:
        others = [route for route in self.settings.routes if route.signal != "traces" and "otlp" in route.exporters]
        return self._ends if not others or any(is_there(route) for route in others) else []

    def _begin_traces(self, route: Route, resource: Resource, environment: Mapping[str, str]) -> None:
        if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            return
        provider = TracerProvider(
            sampler=self._sampler(environment),
            resource=resource,
            span_limits=_span_limits(environment),
            shutdown_on_exit=False,  # it would wait half a minute for a collector that is gone
        )
        if "otlp" in route.exporters:
            carriage = Carriage(self.settings.queue, self.settings.batch, self.settings.delay)
            self._queue = SpanQueue(transports.span_exporter(route.protocol), carriage)
            provider.add_span_processor(self._queue)
        if "console" in route.exporters:
            provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
        trace.set_tracer_provider(provider)

    def _begin_metrics(self, route: Route, resource: Resource) -> None:
        readers: list[MetricReader] = []
        if "otlp" in route.exporters:
            readers.append(PeriodicExportingMetricReader(transports.metric_exporter(route.protocol)))
        if "console" in route.exporters:
            readers.append(PeriodicExportingMetricReader(ConsoleMetricExporter(out=sys.stderr)))
        provider = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
        metrics.set_meter_provider(provider)
        self._ends.append(provider.shutdown)

    def _begin_logs(self, route: Route, resource: Resource) -> None:
        provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        if "otlp" in route.exporters:
            provider.add_log_record_processor(BatchLogRecordProcessor(transports.log_exporter(route.protocol)))
        _logs.set_logger_provider(provider)
        self._ends.append(provider.shutdown)

    def _sampler(self, environment: Mapping[str, str]) -> Sampler | None:
        """Ours where it is named; None lets the SDK read the variables itself."""
        if environment.get("OTEL_TRACES_SAMPLER", "").strip().lower() != sampling.NAME:
            return None
        try:
            return sampling.subtree_sampler(environment.get("OTEL_TRACES_SAMPLER_ARG"))
        except ValueError as error:
            self.notes.append(f"{error}; every subtree is kept")
            return sampling.subtree_sampler()


def is_there(route: Route) -> bool:
    """Whether somebody listens where the route leads; behind a proxy nobody can tell, so yes."""
    if getproxies() and route.host not in {"localhost", "127.0.0.1", "::1"}:
        return True
    try:
        with socket.create_connection((route.host, route.port), LOOK_SECONDS):
            return True
    except OSError:
        return False


def _resource(settings: ExportSettings, version: str) -> Resource:
    own = {"service.version": version}
    if not settings.service:
        own["service.name"] = "rlm-async"
    return Resource.create(own)


def _span_limits(environment: Mapping[str, str]) -> SpanLimits:
    links = None if environment.get("OTEL_SPAN_LINK_COUNT_LIMIT") else MARKS
    events = None if environment.get("OTEL_SPAN_EVENT_COUNT_LIMIT") else MARKS
    return SpanLimits(max_links=links, max_events=events)
