"""A tool and a toolset of Pydantic AI."""

from __future__ import annotations

from pydantic_ai import FunctionToolset, ModelRetry, Tool, ToolReturn

from rlm_async.adapters.tool import AgentTool, fault, told
from rlm_async.errors import ConfigError, RLMError


def tool(given: AgentTool) -> Tool[object]:
    """The same tool. Its return has the whole Answer as `metadata`; a wrong argument asks the model to try again."""

    async def answer(**arguments: object) -> ToolReturn:
        try:
            found = await given.ask(**arguments)
        except ConfigError as error:
            raise ModelRetry(str(error)) from error
        except RLMError as error:
            return ToolReturn(return_value=fault(error))
        return ToolReturn(return_value=told(found), metadata=found)

    return Tool.from_schema(answer, given.name, given.description, given.schema)


def toolset(*given: AgentTool) -> FunctionToolset[object]:
    """Several of them."""
    return FunctionToolset([tool(each) for each in given])
