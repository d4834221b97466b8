"""The attribute names of OpenTelemetry's GenAI semantic conventions, and ours beside them.

They are owned here, as strings, because the Python constants are deprecated and the conventions are still
in development (repository semantic-conventions-genai, read in November 2026). A test pins them.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = "genai-2026-11 (development)"

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
AGENT_ID: Final = "gen_ai.agent.id"
CONVERSATION: Final = "gen_ai.conversation.id"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL: Final = "gen_ai.tool.call.id"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
ERROR_TYPE: Final = "error.type"

RUN: Final = "rlm.run"
NODE: Final = "rlm.node"
DEPTH: Final = "rlm.depth"
STRATEGY: Final = "rlm.strategy"
REASON: Final = "rlm.strategy.reason"
SHARED: Final = "rlm.shared"
OUTCOME: Final = "rlm.outcome"
STATUS: Final = "rlm.status"
QUEUE_SECONDS: Final = "rlm.queue.seconds"
CALL_SECONDS: Final = "rlm.call.seconds"
ATTEMPTS: Final = "rlm.attempts"
CACHE_HIT: Final = "rlm.cache_hit"
USD: Final = "rlm.usd"
LAYERS: Final = "rlm.sandbox.layers"
CPU_SECONDS: Final = "rlm.cell.cpu_seconds"
LIMIT: Final = "rlm.limit"
SCOPE: Final = "rlm.limit.scope"
PROMPT_CHARACTERS: Final = "rlm.prompt.characters"
CONTEXT_CHARACTERS: Final = "rlm.context.characters"

CAPTURE_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CAPTURING: Final = frozenset({"SPAN_ONLY", "SPAN_AND_EVENT"})
"""The values of the standard variable that put content on spans; the default is NO_CONTENT."""
