"""Functions in OpenAI's form, for a loop of one's own: the schema that is sent, and the call that comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rlm_async.adapters.tool import AgentTool, fault
from rlm_async.core.data import Data
from rlm_async.errors import ConfigError, RLMError


def chat_function(tool: AgentTool) -> dict[str, Data]:
    """An entry of `tools` in a request to `/v1/chat/completions`."""
    return {"type": "function", "function": _function(tool)}


def responses_function(tool: AgentTool) -> dict[str, Data]:
    """An entry of `tools` in a request to `/v1/responses`."""
    return {"type": "function", **_function(tool)}


async def called(tool: AgentTool, arguments: str) -> str:
    """What to send back for a call with these arguments (JSON text, as the model wrote it); errors in words."""
    try:
        return await tool(**read(arguments))
    except RLMError as error:
        return fault(error)


def called_sync(tool: AgentTool, arguments: str) -> str:
    """The same without an event loop."""
    try:
        return tool.call(**read(arguments))
    except RLMError as error:
        return fault(error)


def read(arguments: str) -> Mapping[str, object]:
    """The arguments of a call; raises ConfigError where they are no JSON object."""
    try:
        found = json.loads(arguments or "{}")
    except ValueError as error:
        raise ConfigError(f"the arguments are not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError("the arguments are not a JSON object")
    return found


def _function(tool: AgentTool) -> dict[str, Data]:
    return {"name": tool.name, "description": tool.description, "parameters": tool.schema, "strict": True}
