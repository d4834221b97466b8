"""A solver and a tool of Inspect AI, to evaluate an RLM with Inspect's tasks, scorers and logs."""

from __future__ import annotations

from collections.abc import Callable

from inspect_ai.model import ChatMessageAssistant, ModelOutput, ModelUsage
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolDef, ToolError, ToolParams

from rlm_async.adapters.tool import AgentTool, fault
from rlm_async.api import RLM
from rlm_async.api.settings import Input
from rlm_async.core.answer import Answer
from rlm_async.errors import RLMError

Finding = str | Callable[[TaskState], Input]


def answered(rlm: RLM, context: Finding = "context") -> Solver:
    """A solver that asks the sample's input about its long input, and no model of Inspect's own.

    context: the name in the sample's metadata under which the text is, or a function that finds it (a Path, say).
    The run's name, status and cost are in the sample's metadata under `rlm`; its tokens in the output's usage.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        del generate
        found: Input = context(state) if callable(context) else state.metadata.get(context)
        answer = await rlm.ask(state.input_text, found)
        state.output = ModelOutput.from_content(model="rlm-async", content=answer.text)
        state.output.usage = ModelUsage(
            input_tokens=answer.usage.total.prompt_tokens,
            output_tokens=answer.usage.total.completion_tokens,
            total_tokens=answer.usage.tokens,
        )
        state.messages.append(ChatMessageAssistant(content=answer.text, model="rlm-async"))
        state.metadata["rlm"] = _facts(answer)
        return state

    @solver(name="rlm_async")  # type: ignore[untyped-decorator]
    def made() -> Solver:
        return solve

    return made()


def tool(given: AgentTool) -> Tool:
    """The same tool, for `react` and others; errors are told to the agent."""

    async def answer(**arguments: object) -> str:
        try:
            return await given(**arguments)
        except RLMError as error:
            raise ToolError(fault(error)) from error

    definition = ToolDef(
        answer,
        name=given.name,
        description=given.description,
        parameters=ToolParams.model_validate(given.schema),
    )
    return definition.as_tool()


def _facts(answer: Answer) -> dict[str, object]:
    usage = answer.usage
    return {
        "run": answer.run,
        "status": answer.status,
        "calls": usage.calls,
        "usd": usage.usd,
        "seconds": usage.seconds,
    }
