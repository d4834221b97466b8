"""Which model answers where none is named, and the line that says so."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.to_thread

from rlm_async.api import RLM
from rlm_async.cli.options import KEYS, MODEL, Choices
from rlm_async.cli.runs_place import wanted
from rlm_async.errors import ConfigError
from rlm_async.journal import Journal
from rlm_async.journal.records import CONTENTS, Content
from rlm_async.models.local.choice import choose, is_local
from rlm_async.ports import Sink, ToolSource


def model_named(given: str | None, api_base: str | None, environ: Mapping[str, str]) -> str:
    """The model's name: as given, as `RLM_ASYNC_MODEL` says, or `local`; raises ConfigError."""
    named = given if given is not None else environ.get(MODEL)
    if named is not None and not named.strip() and given is not None:
        raise ConfigError("--model is empty; name a model, such as openai/gpt-5 or local")
    if named and named.strip():
        return named.strip()
    if api_base is not None:
        raise ConfigError("--api-base needs --model: name a model that is served there, such as openai/NAME")
    return "local"


def introduction(model: str, given: str | None, environ: Mapping[str, str]) -> str | None:
    """One line about a local model: which one answers and what it cannot do; None for any other.

    Raises ConfigError where its weights are not installed.
    """
    if not is_local(model):
        return None
    line = choose(model, environ).note
    keys = [name for name in KEYS if environ.get(name)]
    if given is None and not environ.get(MODEL):
        line += f"; {keys[0]} is set: name that provider's model with --model" if keys else "; --model takes another"
    return line


@asynccontextmanager
async def composed(choices: Choices, sink: Sink) -> AsyncIterator[RLM]:
    """The RLM of what was chosen, whose runs tell `sink`; raises ConfigError."""
    async with journal_of(choices) as journal:
        yield RLM(
            choices.model,
            sub_model=choices.sub_model,
            fallbacks=choices.fallbacks,
            api_base=choices.api_base,
            api_key=choices.api_key,
            limits=choices.limits,
            rates=choices.rates,
            profile=choices.profile,
            strategy=choices.strategy,
            sandbox=choices.sandbox,
            strict=choices.strict,
            tools=_lent(choices.mcp),
            journal=journal,
            sinks=(lambda: sink,),
        )


def _lent(servers: Sequence[str]) -> list[ToolSource]:
    """The tools of MCP servers; raises ConfigError."""
    if not servers:
        return []
    try:
        from rlm_async.adapters.mcp import MCPServer  # noqa: PLC0415 - an extra, and half a second of imports
    except ImportError as error:
        raise ConfigError(f"--mcp needs more packages ({error.name}): pip install 'rlm-async[mcp]'") from error
    return [MCPServer(server) for server in servers]


@asynccontextmanager
async def journal_of(choices: Choices) -> AsyncIterator[Journal | None]:
    """The journal that was chosen, open for the length of the block; raises ConfigError."""
    path = wanted(choices.journal, os.environ)
    if path is None:
        yield None
        return
    content = journal_content(choices.journal_content)
    opened = partial(Journal, path, content=content, resume=not choices.fresh)
    journal = await anyio.to_thread.run_sync(opened)
    try:
        yield journal
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(journal.close)


def journal_content(text: str) -> Content:
    """What `--journal-content` says; raises ConfigError."""
    for content in CONTENTS:
        if text == content:
            return content
    raise ConfigError(f"--journal-content {text!r}: choose one of {', '.join(CONTENTS)}")
