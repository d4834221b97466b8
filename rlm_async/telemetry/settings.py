"""Where telemetry goes, as the standard `OTEL_*` variables say. Imports no SDK: most programs set none of them.

The variables are those of the OpenTelemetry specification ("Environment Variable Specification" and "OTLP
Exporter Configuration"). One thing differs from an SDK's own defaults: without an endpoint and without an
exporter nothing is sent, not even to this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import urlsplit

from rlm_async.telemetry import conventions as names

Signal = Literal["traces", "metrics", "logs"]
Protocol = Literal["grpc", "http/protobuf"]

GRPC, HTTP = "grpc", "http/protobuf"
QUEUE, BATCH, DELAY = 65_536, 512, 1.0
"""Spans that may wait, spans of one message, and seconds between two messages, where no variable says otherwise.

The SDK's own queue of 2,048 keeps 6,144 of 20,000 spans that end at once (measured).
"""
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_KNOWN = frozenset({"otlp", "console", "none"})
_PORTS = {GRPC: 4317, HTTP: 4318}


@dataclass(frozen=True, slots=True)
class Route:
    """How one signal leaves the program."""

    signal: Signal
    exporters: tuple[str, ...]
    """Of `otlp` and `console`."""
    protocol: Protocol
    host: str
    """Of the collector; for people and for a look whether it is there: an address may hold a password."""
    port: int

    @property
    def address(self) -> str:
        """`HOST:PORT`."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """All routes that are open, and how spans wait for theirs."""

    routes: tuple[Route, ...]
    queue: int = QUEUE
    batch: int = BATCH
    delay: float = DELAY
    """Seconds."""
    service: bool = False
    """Whether the variables name the service."""
    notes: tuple[str, ...] = field(default=())
    """What could not be understood, each in one line."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self | None:
        """The settings; None where nothing is to be exported, as with `OTEL_SDK_DISABLED=true`."""
        if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return None
        notes: list[str] = []
        signals: tuple[Signal, ...] = ("traces", "metrics", "logs")
        routes = tuple(route for signal in signals if (route := _route(environment, signal, notes)) is not None)
        if not routes:
            return None
        named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        )
        return cls(
            routes=routes,
            queue=_whole(environment, "OTEL_BSP_MAX_QUEUE_SIZE", QUEUE, notes),
            batch=_whole(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH, notes),
            delay=_whole(environment, "OTEL_BSP_SCHEDULE_DELAY", int(DELAY * 1_000), notes) / 1_000,
            service=bool(named),
            notes=tuple(notes),
        )

    def route(self, signal: Signal) -> Route | None:
        """The route of a signal, if it is open."""
        return next((route for route in self.routes if route.signal == signal), None)


def _route(environment: Mapping[str, str], signal: Signal, notes: list[str]) -> Route | None:
    own = f"OTEL_EXPORTER_OTLP_{signal.upper()}"
    endpoint = environment.get(f"{own}_ENDPOINT") or environment.get(_ENDPOINT)
    exporters = _exporters(environment, signal, notes, given=bool(endpoint))
    if not exporters:
        return None
    protocol = _protocol(environment, own, notes)
    host, port = _place(endpoint, protocol)
    return Route(signal, exporters, protocol, host, port)


def _exporters(environment: Mapping[str, str], signal: Signal, notes: list[str], *, given: bool) -> tuple[str, ...]:
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    asked = environment.get(variable, "").strip()
    if signal == "logs" and environment.get(names.CAPTURE_VARIABLE, "").strip().upper() not in names.ON_EVENTS:
        return ()  # the only log records there are hold content, and none is wanted
    if not asked:
        return ("otlp",) if given else ()
    wanted = [name.strip().lower() for name in asked.split(",") if name.strip()]
    strange = [name for name in wanted if name not in _KNOWN]
    notes.extend(f"{variable}={name!r} is not known here; choose otlp, console or none" for name in strange)
    return () if "none" in wanted else tuple(name for name in wanted if name in _KNOWN)


def _protocol(environment: Mapping[str, str], own: str, notes: list[str]) -> Protocol:
    asked = environment.get(f"{own}_PROTOCOL") or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL") or HTTP
    if asked.strip().lower() == GRPC:
        return "grpc"
    if asked.strip().lower() != HTTP:
        notes.append(f"the OTLP protocol {asked!r} is not known here, {HTTP} is used; {GRPC} is the other one")
    return "http/protobuf"


def _place(endpoint: str | None, protocol: Protocol) -> tuple[str, int]:
    """Host and port of an endpoint; gRPC's may come without a scheme."""
    address = endpoint or "localhost"
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname or "localhost", parts.port
    except ValueError:
        return "localhost", _PORTS[protocol]
    if port is None:
        port = _PORTS[protocol] if parts.scheme in {"", "http"} and endpoint is None else 443
        if parts.scheme == "http":
            port = 80
        if parts.scheme == "":
            port = _PORTS[protocol]
    return host, port


def _whole(environment: Mapping[str, str], variable: str, default: int, notes: list[str]) -> int:
    text = environment.get(variable, "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        notes.append(f"{variable}={text!r} is not a whole number above 0; {default} is used")
        return default
    return int(text)
