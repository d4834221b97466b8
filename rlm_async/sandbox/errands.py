"""What a worker asks, turned into what the host offers; the host decides what there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rlm_async.core.context import Context
from rlm_async.core.query import Reply, SubQuery
from rlm_async.ports import Host
from rlm_async.sandbox.wire import Query, Tool, Violation


class Errands:
    """Runs sub-queries and tools for one session over `context`."""

    def __init__(self, host: Host, context: Context) -> None:
        self._host = host
        self._context = context

    def work(self, message: Query | Tool) -> Callable[[], Awaitable[Reply]]:
        """The call that answers `message`; raises Violation for a part of a context that there is not."""
        return self._query(message) if isinstance(message, Query) else self._tool(message)

    def query(self, message: Query) -> SubQuery:
        """What a message asks; raises Violation as `work`."""
        return SubQuery(
            kind=message.kind,
            prompt=message.prompt,
            context=self._part(message),
            model=message.model,
            schema=message.schema,
            sample=message.sample,
            cached=message.cached,
            grant=message.grant,
        )

    def _query(self, message: Query) -> Callable[[], Awaitable[Reply]]:
        query = self.query(message)

        async def work() -> Reply:
            replies = await self._host.spawn([query])
            return replies[0]

        return work

    def _part(self, message: Query) -> Context | None:
        if message.slice is None:
            return None if message.context is None else Context.of(message.context)
        position, start, end = message.slice
        documents = self._context.documents
        if not 0 <= position < len(documents) or not 0 <= start <= end:
            raise Violation("a slice of no document")
        return Context.of(documents[position].text[start:end])

    def _tool(self, message: Tool) -> Callable[[], Awaitable[Reply]]:
        async def work() -> Reply:
            if message.name not in self._host.tools:
                known = ", ".join(sorted(self._host.tools)) or "none"
                return Reply(error="ToolError", message=f"no such tool; there are: {known}", status="failed")
            return await self._host.tool(message.name, message.arguments, message.named)

        return work
