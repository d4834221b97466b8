"""The names of OpenTelemetry's GenAI semantic conventions, and ours beside them.

They are owned here, as strings, because the Python constants are deprecated and the conventions are still in
development (repository semantic-conventions-genai, release 0.1.0 and what deployed backends read beside it).
A test pins them.
"""

from __future__ import annotations

import builtins
from typing import Final

from rlm_async import errors

VERSION: Final = "genai 0.1.0 (development)"
SCOPE: Final = "rlm_async"
"""The instrumentation scope of every span, metric and log record."""

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
AGGREGATED_INPUT: Final = "gen_ai.aggregated_usage.input_tokens"
AGGREGATED_OUTPUT: Final = "gen_ai.aggregated_usage.output_tokens"
AGENT_NAME: Final = "gen_ai.agent.name"
CONVERSATION: Final = "gen_ai.conversation.id"
COMPACTED: Final = "gen_ai.conversation.compacted"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - tokens of text
TOKEN_MODALITY: Final = "gen_ai.token.modality"  # noqa: S105 - tokens of text
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL: Final = "gen_ai.tool.call.id"
ERROR_TYPE: Final = "error.type"

INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
SYSTEM: Final = "gen_ai.system_instructions"
CONTENT: Final = frozenset({INPUT_MESSAGES, OUTPUT_MESSAGES, TOOL_ARGUMENTS, TOOL_RESULT, SYSTEM})
"""The attributes that hold what people and models wrote; `otel-collector.yaml` deletes each of them."""
DETAILS: Final = "gen_ai.client.inference.operation.details"
"""The log event that holds content where it is not wanted on spans."""

RUN: Final = "rlm.run"
NODE: Final = "rlm.node"
PATH: Final = "rlm.path"
DEPTH: Final = "rlm.depth"
FANOUT: Final = "rlm.fanout"
TURN: Final = "rlm.turn"
CELL: Final = "rlm.cell"
ASKED_IN_TURN: Final = "rlm.asked_in.turn"
ASKED_IN_CELL: Final = "rlm.asked_in.cell"
TURNS: Final = "rlm.turns"
STRATEGY: Final = "rlm.strategy"
REASON: Final = "rlm.strategy.reason"
SAMPLE: Final = "rlm.sample"
SHARED: Final = "rlm.shared"
OUTCOME: Final = "rlm.outcome"
STATE: Final = "rlm.state"
STATUS: Final = "rlm.status"
QUEUE_SECONDS: Final = "rlm.queue.seconds"
WAIT_SECONDS: Final = "rlm.wait.seconds"
EXECUTION_SECONDS: Final = "rlm.execution.seconds"
RETRY_SECONDS: Final = "rlm.retry.seconds"
ATTEMPTS: Final = "rlm.attempts"
CACHE_HIT: Final = "rlm.cache_hit"
USD: Final = "rlm.usd"
LAYERS: Final = "sandbox.layers"
CPU_SECONDS: Final = "rlm.cell.cpu_seconds"
LIMIT: Final = "rlm.limit"
SCOPE_OF_LIMIT: Final = "rlm.limit.scope"
PROMPT_CHARACTERS: Final = "rlm.prompt.characters"
CONTEXT_CHARACTERS: Final = "rlm.context.characters"
CONTEXT_DOCUMENTS: Final = "rlm.context.documents"
NODES: Final = "rlm.nodes"
UNSAMPLED_NODES: Final = "rlm.unsampled.nodes"
UNSAMPLED_FAILED: Final = "rlm.unsampled.failed"
UNSAMPLED_TOKENS: Final = "rlm.unsampled.tokens"

RETRY_EVENT: Final = "rlm.retry"
RETRY_PAUSE: Final = "rlm.retry.pause_seconds"
REFUSAL_EVENT: Final = "rlm.refusal"
LIMIT_EVENT: Final = "rlm.limit"
SPECULATION_EVENT: Final = "rlm.speculation"
FOLD_EVENT: Final = "rlm.fold"
FOLD_POLICY: Final = "rlm.fold.policy"
FOLD_TURNS: Final = "rlm.fold.turns"
FOLD_BEFORE: Final = "rlm.fold.tokens_before"
FOLD_AFTER: Final = "rlm.fold.tokens_after"
FAILED_EVENT: Final = "rlm.unsampled.failed"

CAPTURE_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
ON_SPANS: Final = frozenset({"SPAN_ONLY", "SPAN_AND_EVENT"})
ON_EVENTS: Final = frozenset({"EVENT_ONLY", "SPAN_AND_EVENT"})
"""The values of the standard variable that put content on spans and on log events; the default is NO_CONTENT."""

PROVIDERS: Final = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""litellm's prefixes that the conventions call by another name."""


def provider_of(model: str) -> str:
    """The provider in a model's name, as the conventions call it: `gemini/flash` is `gcp.gemini`."""
    prefix, slash, _ = model.partition("/")
    if slash:
        return PROVIDERS.get(prefix, prefix)
    return "local" if prefix.partition(":")[0] == "local" else "unknown"


def error_type(line: str) -> str:
    """The class of an error from an event's line: its text may hold content, its class never does."""
    return line.partition(":")[0] or "_OTHER"


def code_error(kind: str) -> str:
    """The class of an error of model-written code, where it is a known one.

    Code may define any: its name would be content on a span, and without end in a metric.
    """
    return kind if kind in _KNOWN_ERRORS else "_OTHER"


_KNOWN_ERRORS: Final = frozenset(
    {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)}
    | {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.RLMError)}
    | {"Cancelled", "Deadlock", "PolicyError", "QueryError", "QueueEmpty", "QueueFull", "SourceTooLong", "Stopped"}
    | {"FrozenInstanceError", "InvalidOperation", "JSONDecodeError", "PatternError", "StatisticsError", "ToolError"}
)
