"""The program that plays a rollout: an RLM whose every model call goes through verifiers, which records and trains on it.

It runs in this process, on this event loop: thousands of nodes wait without a process each. Only model-written code
leaves it, into rlm-async's own jailed workers; the runtime that verifiers provides is not used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import verifiers.v1 as vf
from pydantic import Field

from rlm_async import RLM, Answer, Limits, Rates
from rlm_async.errors import BudgetExceeded, Refused, RLMError, Unanswered
from rlm_async.ports import ModelInfo
from rlm_async_verifiers.taskset import STATUS, RLMTaskData

if TYPE_CHECKING:
    from verifiers.v1.clients import ModelContext

POLICY_FAULTS = (BudgetExceeded, Refused, Unanswered)
"""A run that ends so was the model's own doing: a rollout with no reward, not one to be made again."""


class RLMHarnessConfig(vf.HarnessConfig):
    """How the model is used; the words are those of `rlm_async.Limits` and `rlm_async.RLM`."""

    strategy: str = "repl"
    depth: int = Field(1, ge=0)
    turns: int = Field(20, ge=1)
    calls: int | None = 1_000
    tokens: int | None = 5_000_000
    seconds: float | None = None
    concurrency: int = Field(64, ge=1)
    """Model requests of one rollout in flight at once."""
    window: int | None = None
    """The model's window in tokens, where it is not known by its name: histories are folded to fit it."""
    max_output: int | None = None
    folding: str = "elide"
    sandbox: str | None = None
    """Where code runs: the default jailed workers, or the name of an installed one."""


class RLMHarness(vf.Harness[RLMHarnessConfig]):
    """A recursive language model as the agent."""

    EXECUTES_CODE = False  # not in the runtime: in rlm-async's jail
    NEEDS_CONTAINER = False

    async def launch(  # noqa: PLR0917 - verifiers' own signature
        self,
        ctx: ModelContext,
        trace: vf.Trace,
        runtime: vf.Runtime,
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],
        data: vf.TaskData,
    ) -> vf.ProgramResult:
        """Answer the task's question; its answer becomes `trace.root_reply`, its costs metrics."""
        del runtime
        if mcp_urls:
            raise ValueError("this harness gives its model no MCP tools: take the task's tool servers away")
        _, prompt = self.resolve_text_prompt(data)
        rlm = self._rlm(ctx.model, endpoint, secret)
        try:
            answer = await rlm.ask(prompt or "", _input(data))
        except POLICY_FAULTS as error:
            answer = error.answer if isinstance(error.answer, Answer) else Answer(text="", status="failed", error=error)
        except RLMError as error:
            trace.info[STATUS] = "failed"
            return vf.ProgramResult(1, "", f"{type(error).__name__}: {error}")
        self._told(trace, answer)
        return vf.ProgramResult(0, answer.text, "")

    def _rlm(self, model: str, endpoint: str, secret: str) -> RLM:
        config = self.config
        name = f"openai/{model}"
        limits = Limits(
            depth=config.depth, turns=config.turns, calls=config.calls, tokens=config.tokens, seconds=config.seconds
        )
        return RLM(
            name,
            api_base=endpoint,
            api_key=secret,
            limits=limits,
            rates=Rates(concurrency=config.concurrency),
            strategy=config.strategy,
            run_ahead=False,  # what nobody asks for in the end is no turn to learn from
            model_infos=[ModelInfo(name=name, window=config.window, max_output=config.max_output)],
            folding=config.folding,
            sandbox=config.sandbox,
        )

    def _told(self, trace: vf.Trace, answer: Answer) -> None:
        trace.root_reply = answer.text
        trace.info[STATUS] = answer.status
        trace.info["rlm_run"] = answer.run
        if answer.limit is not None:
            trace.info["rlm_limit"] = answer.limit
        nodes = len(list(answer.graph.nodes))
        trace.record_metrics(
            {
                "rlm_nodes": float(nodes),
                "rlm_calls": float(answer.usage.calls),
                "rlm_tokens": float(answer.usage.tokens),
                "rlm_seconds": answer.usage.seconds,
                "rlm_partial": float(answer.status == "partial"),
            }
        )


def _input(data: vf.TaskData) -> str | list[str] | dict[str, str] | list[Path] | None:
    if not isinstance(data, RLMTaskData):
        return None  # another taskset's: its prompt is all there is
    if data.paths:
        return [Path(path) for path in data.paths]
    return data.context
