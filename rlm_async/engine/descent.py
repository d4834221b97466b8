"""From what model-written code asks to the query of a child: depth, strategy, model and text."""

from __future__ import annotations

from rlm_async.core.context import EMPTY, Context
from rlm_async.core.graph import Node
from rlm_async.core.query import Query, SubQuery
from rlm_async.engine.equipment import Equipment
from rlm_async.errors import Refused

CHILD_STRATEGIES = frozenset({"auto", "direct", "repl", "guided"})
"""Built-in strategies: below them a child gets `repl`, or `guided` where its model is weak."""

GRANTS = frozenset({"calls", "tokens", "usd", "seconds"})


def child_query(asked: SubQuery, parent: Node, equipment: Equipment) -> Query:
    """The query that answers `asked`.

    At the depth limit an `rlm` sub-query is one plain completion, as in the paper (Zhang, Kraska and
    Khattab, arXiv 2512.24601): never an error. Raises Refused for a model or grant that was not offered.
    """
    limits = equipment.limits
    if limits.depth < 1:
        raise Refused("this run allows no sub-queries (depth 0); answer with code alone")
    model = asked.model or equipment.sub_model
    if model not in equipment.models:
        raise Refused(f"model {model!r} is not offered here; use one of: {', '.join(sorted(equipment.models))}")
    if unknown := set(asked.grant) - GRANTS:
        raise Refused(f"a sub-query's budget has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(GRANTS))}")
    recursive = asked.kind == "rlm" and parent.depth + 1 < limits.depth
    return Query(
        prompt=asked.prompt,
        context=_context(asked, recursive=recursive),
        model=model,
        strategy=_strategy(parent.query.strategy, weak=equipment.info(model).weak) if recursive else "direct",
        schema=asked.schema,
        profile=parent.query.profile,
        sample=asked.sample,
        grant=tuple(sorted(asked.grant.items())),
    )


def _context(asked: SubQuery, *, recursive: bool) -> Context:
    if asked.context is not None:
        return asked.context
    return Context.of(asked.prompt) if recursive else EMPTY


def _strategy(above: str, *, weak: bool) -> str:
    if above.partition(":")[0] not in CHILD_STRATEGIES:  # `auto:FILE` is auto by a file's rules
        return above
    return "guided" if weak else "repl"
