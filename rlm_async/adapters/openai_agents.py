"""A function tool of OpenAI's Agents SDK."""

from __future__ import annotations

from agents import FunctionTool
from agents.tool_context import ToolContext

from rlm_async.adapters.openai import called
from rlm_async.adapters.tool import AgentTool


def tool(given: AgentTool) -> FunctionTool:
    """The same tool; errors are told to the agent in words."""

    async def answer(context: ToolContext[object], arguments: str) -> str:
        del context
        return await called(given, arguments)

    return FunctionTool(
        name=given.name, description=given.description, params_json_schema=given.schema, on_invoke_tool=answer
    )
