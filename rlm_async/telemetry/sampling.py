"""Spans for a part of a huge run only: whole subtrees, so that what is kept can be understood.

Chosen as any sampler is, with `OTEL_TRACES_SAMPLER=rlm_subtree` and a share in `OTEL_TRACES_SAMPLER_ARG`:
`0.05` keeps one subtree in twenty. The run, its root, and whatever others have begun are kept as the parent
was (`parentbased_always_on`); a node at depth 1 draws its lot, and everything below it follows. What was left
out is counted on the node above (`rlm.unsampled.*`), and metrics count all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

from rlm_async.telemetry import conventions as names

NAME = "rlm_subtree"
_ALL = 1 << 64


class SubtreeSampler(Sampler):
    """Keeps a share of the subtrees below the nodes of one depth."""

    def __init__(self, share: float, depth: int = 1) -> None:
        """Keep `share` (0 to 1) of the nodes at `depth`, each with all that is below it."""
        self._share = min(max(share, 0.0), 1.0)
        self._depth = depth
        self._others = ParentBased(ALWAYS_ON)

    def should_sample(  # noqa: PLR0917 - the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Draw for a node at the depth; do for everything else as for its parent."""
        given = attributes or {}
        found = self._others.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if found.decision is Decision.DROP or given.get(names.DEPTH) != self._depth:
            return found
        if drawn(trace_id, int(str(given.get(names.NODE, 0)))) < self._share * _ALL:
            return found
        return SamplingResult(
            Decision.DROP, trace_state=get_current_span(parent_context).get_span_context().trace_state
        )

    def get_description(self) -> str:
        """As collectors show it."""
        return f"SubtreeSampler{{{self._share}}}"


def drawn(trace: int, node: int) -> int:
    """The lot of a node, 0 to 2**64: the same whoever draws it."""
    digest = hashlib.blake2b(trace.to_bytes(16, "big") + node.to_bytes(8, "big"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def subtree_sampler(argument: str | None = None) -> Sampler:
    """The sampler for `OTEL_TRACES_SAMPLER_ARG`; raises ValueError for what is no share."""
    if not argument:
        return SubtreeSampler(1.0)
    share = float(argument)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"OTEL_TRACES_SAMPLER_ARG={argument}: a share of subtrees is from 0 to 1, such as 0.05")
    return SubtreeSampler(share)
