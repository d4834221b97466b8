"""OTLP exporters by protocol. They read addresses, headers, certificates and time limits from the variables.

gRPC and HTTP are each loaded only where they are wanted: either costs a tenth of a second.
"""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace.export import SpanExporter

from rlm_async.telemetry.settings import GRPC, Protocol


def span_exporter(protocol: Protocol) -> SpanExporter:
    """For `OTEL_EXPORTER_OTLP_TRACES_*`, or `OTEL_EXPORTER_OTLP_*`."""
    if protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        return Grpc()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def metric_exporter(protocol: Protocol) -> MetricExporter:
    """For `OTEL_EXPORTER_OTLP_METRICS_*`, or `OTEL_EXPORTER_OTLP_*`."""
    if protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Grpc

        return Grpc()
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return OTLPMetricExporter()


def log_exporter(protocol: Protocol) -> LogRecordExporter:
    """For `OTEL_EXPORTER_OTLP_LOGS_*`, or `OTEL_EXPORTER_OTLP_*`."""
    if protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as Grpc

        return Grpc()
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    return OTLPLogExporter()
