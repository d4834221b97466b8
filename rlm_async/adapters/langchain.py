"""A LangChain tool, for `create_agent`, LangGraph's `ToolNode`, or any runnable that takes tools."""

from __future__ import annotations

from langchain_core.tools import StructuredTool, ToolException

from rlm_async.adapters.tool import AgentTool, fault, told
from rlm_async.core.answer import Answer
from rlm_async.errors import RLMError


def tool(given: AgentTool) -> StructuredTool:
    """The same tool, plain and async. Its message has the whole Answer as `artifact`; errors are told to the agent."""

    async def answer(**arguments: object) -> tuple[str, Answer]:
        try:
            found = await given.ask(**arguments)
        except RLMError as error:
            raise ToolException(fault(error)) from error
        return told(found), found

    def answer_sync(**arguments: object) -> tuple[str, Answer]:
        try:
            found = given.ask_sync(**arguments)
        except RLMError as error:
            raise ToolException(fault(error)) from error
        return told(found), found

    return StructuredTool(
        name=given.name,
        description=given.description,
        args_schema=given.schema,
        func=answer_sync,
        coroutine=answer,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )
