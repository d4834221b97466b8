"""A caller's trace across a queue or a process: what to write into a record, and how to take it up again.

Context variables do not travel with a record, so its writer puts `carried()` into it and whoever works on it
opens `continued(...)` around the work (W3C Trace Context, https://www.w3.org/TR/trace-context/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


def carried() -> dict[str, str]:
    """`traceparent` (and `tracestate`, where there is one) of the current span; empty where there is none."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier


@contextmanager
def continued(carrier: Mapping[str, str]) -> Iterator[None]:
    """The carried span is the current one for the length of the block; a malformed one is left out.

    Not to be opened around a `yield` of an async generator: the context would leak to its consumer.
    """
    token = context.attach(_PROPAGATOR.extract(dict(carrier), context.get_current()))
    try:
        yield
    finally:
        context.detach(token)
