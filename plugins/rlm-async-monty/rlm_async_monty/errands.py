"""What code asks of its host: queries, tools, the budget, and the answers that it gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic_monty import ExternalExceptionData, ExternalReturnValue, ExternalSettledResult

from rlm_async.core.context import Context
from rlm_async.core.data import Data, plain
from rlm_async.core.query import Reply, SubQuery
from rlm_async.ports import Host
from rlm_async_monty.source import LATER, QUERIES

Arguments = tuple[tuple[object, ...], Mapping[str, object]]
_NOTHING = object()
_MOST_CALLS = 10_000


@dataclass(slots=True)
class Errands:
    """The errands of one cell."""

    host: Host
    calls: int = 0
    final: object = _NOTHING
    variable: str = ""
    """The variable that is the answer, once the cell is done."""
    local: Mapping[str, Callable[..., None]] = field(init=False)

    def __post_init__(self) -> None:
        self.local = {"FINAL": self._final, "SUBMIT": self._submit, "FINAL_VAR": self._final_var}

    @property
    def names(self) -> frozenset[str]:
        """All that code may call."""
        later = {name + LATER for name in QUERIES}
        return frozenset({*QUERIES, *later, *self.local, *self.host.tools, "budget"})

    @property
    def answered(self) -> bool:
        """Whether the cell has given a value itself."""
        return self.final is not _NOTHING

    def is_later(self, name: str) -> bool:
        """Whether the call gives a future."""
        return name.endswith(LATER) and name.removesuffix(LATER) in QUERIES

    async def settled(self, name: str, given: Arguments) -> ExternalSettledResult:
        """The result of a call; no error of the host's own gets through but its text."""
        self.calls += 1
        if self.calls > _MOST_CALLS:
            text = f"this cell has made {_MOST_CALLS:,} calls to the host: go on in another"
            return ExternalExceptionData(exc_type="RuntimeError", message=text)
        try:
            return ExternalReturnValue(return_value=await self._called(name.removesuffix(LATER), *given))
        except (TypeError, ValueError, RuntimeError) as error:
            return ExternalExceptionData(exc_type=type(error).__name__, message=str(error))  # type: ignore[typeddict-item]  # one of the three

    async def _called(self, name: str, arguments: tuple[object, ...], named: Mapping[str, object]) -> object:
        if name in self.local:
            return self.local[name](*arguments, **named)
        if name == "budget":
            return dict(self.host.budget())
        if name in QUERIES:
            ask: Callable[..., Awaitable[object]] = self._batch if name.endswith("_batched") else self._one
            return await ask(name[:3], *arguments, **named)
        sent = [plain(value) for value in arguments]
        return _value(await self.host.tool(name, sent, {key: plain(value) for key, value in named.items()}))

    async def _one(self, kind: str, prompt: object, context: object = None, **options: object) -> object:
        return _value((await self.host.spawn([_query(kind, prompt, context, options)]))[0])

    async def _batch(
        self, kind: str, prompts: Sequence[object], contexts: Sequence[object] | None = None, **options: object
    ) -> list[object]:
        parts = contexts if contexts is not None else [None] * len(prompts)
        queries = [_query(kind, prompt, part, options) for prompt, part in zip(prompts, parts, strict=True)]
        replies = await self.host.spawn(queries)
        return [reply.value if reply.error is None else f"Error: {reply.error}: {reply.message}" for reply in replies]

    def _final(self, value: object = None) -> None:
        self.final = value

    def _submit(self, value: object = None, **fields: object) -> None:
        self.final = fields or value

    def _final_var(self, name: str) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError("FINAL_VAR takes the name of a variable, as text")
        self.variable = name


def _value(reply: Reply) -> Data:
    if reply.error is not None:
        raise RuntimeError(reply.message or reply.error)
    return reply.value


def _query(kind: str, prompt: object, context: object, options: Mapping[str, object]) -> SubQuery:
    if not isinstance(prompt, str):
        raise TypeError(f"{kind}_query() takes a prompt that is a str, not {type(prompt).__name__}")
    model = options.get("model")
    unknown = sorted(set(options) - {"model"})
    if unknown or not isinstance(model, str | None):
        raise TypeError(f"{kind}_query() takes a prompt, a context and a model's name; not {', '.join(unknown)}")
    part = None if context is None else Context.of(context)  # type: ignore[arg-type]  # its own TypeError
    return SubQuery(kind="rlm" if kind == "rlm" else "llm", prompt=prompt, context=part, model=model)
