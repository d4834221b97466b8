"""`llm_query` and its family as model-written code calls them: arguments in, a handle out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from rlm_async.sandbox.answers import plain
from rlm_async.sandbox.calls import Call, Desk, Payload
from rlm_async.sandbox.handles import Handle, deep_touch
from rlm_async.sandbox.places import Regions
from rlm_async.sandbox.unknown import UNKNOWN, Unknown, holds_unknown

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}


class Queries:
    """The query functions and, from `begin` on, the tools of one namespace. With `lazy` off each call waits.

    So does a call in a block that may catch its error: what stands after it there must not run if it fails.
    """

    def __init__(self, desk: Desk, regions: Regions) -> None:
        self._desk = desk
        self._regions = regions
        self.tools: Mapping[str, str] = {}
        self.lazy = True

    def functions(self) -> dict[str, Callable[..., object]]:
        """All but the tools, by the names that code uses."""
        return {
            "llm_query": self.llm_query,
            "llm_query_batched": self.llm_query_batched,
            "rlm_query": self.rlm_query,
            "rlm_query_batched": self.rlm_query_batched,
            "budget": self.budget,
        }

    def begin(self, tools: Mapping[str, str], *, lazy: bool) -> dict[str, Callable[..., object]]:
        """Serve a session with these tools; their functions by name."""
        self.tools = tools
        self.lazy = lazy
        return {name: self._tool(name) for name in tools}

    def llm_query(self, prompt: object, context: object = None, **options: object) -> object:
        """One completion. Options: model, schema, sample, cache, budget."""
        return self._one(query("llm", prompt, context, options))

    def rlm_query(self, prompt: object, context: object = None, **options: object) -> object:
        """The same, answered by a child with a REPL of its own over `context`."""
        return self._one(query("rlm", prompt, context, options))

    def llm_query_batched(self, prompts: object, contexts: object = None, **options: object) -> object:
        """Many, concurrently, in order; a failed one is the text `Error: <type>: <message>` in its place."""
        return self._many(batch("llm", prompts, contexts, options))

    def rlm_query_batched(self, prompts: object, contexts: object = None, **options: object) -> object:
        """The same, each answered by a child with a REPL of its own."""
        return self._many(batch("rlm", prompts, contexts, options))

    def budget(self) -> object:
        """What is left to this node: calls, tokens, usd, seconds, depth; None is no limit."""
        return self._desk.budget()

    def _one(self, payload: Payload) -> object:
        return self._given(self._desk.ask("query", payload))

    def _many(self, payloads: Iterable[Payload]) -> list[object]:
        answers: list[object] = [Handle(self._desk.ask("query", payload, soft=True)) for payload in payloads]
        return answers if self.lazy else [deep_touch(answer) for answer in answers]

    def _given(self, call: Call) -> object:
        return Handle(call) if self.lazy and not self._regions.inside() else call.result()

    def _tool(self, name: str) -> Callable[..., object]:
        def tool(*arguments: object, **named: object) -> object:
            return self.start_tool(name, *arguments, **named).result()

        return tool

    def start_tool(self, name: str, *arguments: object, **named: object) -> Call:
        """Send a tool call without waiting: a tool may have effects, so only code that asks for it overlaps them."""
        values = [deep_touch(value) for value in arguments]
        fields = {key: deep_touch(value) for key, value in named.items()}
        if Unknown.about:  # a copy that runs ahead calls no tools, and need not know what it would have sent
            return self._desk.ask("tool", {"name": name}, lazy=False)
        payload = {
            "name": name,
            "arguments": [plain(value) for value in values],
            "named": {key: plain(value) for key, value in fields.items()},
        }
        return self._desk.ask("tool", payload, lazy=False)


def query(kind: str, prompt: object, context: object, options: Mapping[str, object]) -> Payload:
    """The payload of one sub-query; raises TypeError with what to write instead."""
    options = {name: deep_touch(value) for name, value in options.items()}
    unknown = sorted(set(options) - {"model", "schema", "sample", "cache", "budget"})
    if unknown:
        raise TypeError(
            f"{kind}_query() knows no argument {unknown[0]!r}; it takes prompt, context, model, schema, sample, "
            "cache and budget"
        )
    model, sample = options.get("model"), options.get("sample", 0)
    if model is not None and type(model) is not str:
        raise TypeError(f"{kind}_query(model=...) takes a model's name, not {type(model).__name__}")
    if type(sample) is not int:
        raise TypeError(f"{kind}_query(sample=...) takes a whole number, not {type(sample).__name__}")
    prompt, context = deep_touch(prompt), deep_touch(context)
    if Unknown.about and holds_unknown((prompt, context, options), deep=True):
        return {"kind": kind, "prompt": UNKNOWN}
    return {
        "kind": kind,
        "prompt": _text(kind, prompt),
        "context": _context(context),
        "model": model,
        "schema": _schema(kind, options.get("schema")),
        "sample": sample,
        "cached": bool(options.get("cache", True)),
        "grant": _grant(kind, options.get("budget")),
    }


def batch(kind: str, prompts: object, contexts: object, options: Mapping[str, object]) -> list[Payload]:
    """The payloads of a batch; `contexts` is one for each prompt, or one for all."""
    prompts, contexts = deep_touch(prompts), deep_touch(contexts)
    if isinstance(prompts, str | Mapping) or not isinstance(prompts, Iterable):
        raise TypeError(f"{kind}_query_batched() takes a list of prompts, not {type(prompts).__name__}")
    prompts = list(prompts)
    if isinstance(contexts, list | tuple):
        if len(contexts) != len(prompts):
            raise ValueError(
                f"{kind}_query_batched() got {len(prompts)} prompts and {len(contexts)} contexts; they must be as many"
            )
        shares = list(contexts)
    else:
        shares = [contexts] * len(prompts)
    return [query(kind, prompt, context, options) for prompt, context in zip(prompts, shares, strict=True)]


def _text(kind: str, prompt: object) -> str:
    if type(prompt) is str:
        return prompt
    if isinstance(prompt, list) and prompt and all(isinstance(m, dict) and "content" in m for m in prompt):
        return "\n\n".join(f"{m.get('role', 'user')}: {m['content']}" for m in prompt)
    if isinstance(prompt, list | tuple | set):
        raise TypeError(f"{kind}_query() takes one prompt; for a list of prompts use {kind}_query_batched(prompts)")
    if isinstance(prompt, int | float | bool | dict):
        return str(prompt)
    raise TypeError(f"{kind}_query() takes a prompt that is a str, not {type(prompt).__name__}")


def _context(context: object) -> object:
    if context is None or type(context) is str:
        return context
    if isinstance(context, list | tuple) and all(isinstance(text, str) for text in context):
        return list(context)
    if isinstance(context, dict) and all(isinstance(k, str) and isinstance(v, str) for k, v in context.items()):
        return dict(context)
    return json.dumps(plain(context), ensure_ascii=False)


def _schema(kind: str, schema: object) -> str | None:
    if schema is None:
        return None
    if isinstance(schema, type) and schema in _TYPES:
        schema = {"type": _TYPES[schema]}
    if isinstance(schema, str):
        try:
            schema = json.loads(schema)
        except ValueError as error:
            raise ValueError(f"{kind}_query(schema=...) is no JSON: {error}") from None
    if not isinstance(schema, dict):
        raise TypeError(f"{kind}_query(schema=...) takes a JSON Schema as a dict, not {type(schema).__name__}")
    return json.dumps(plain(schema), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _grant(kind: str, budget: object) -> dict[str, int | float]:
    if budget is None:
        return {}
    if not isinstance(budget, dict) or not all(
        isinstance(name, str) and isinstance(amount, int | float) for name, amount in budget.items()
    ):
        raise TypeError(f'{kind}_query(budget=...) takes a dict of numbers, such as {{"calls": 10, "usd": 0.05}}')
    return dict(budget)
