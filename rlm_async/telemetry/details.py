"""Content as log events, for those who want it apart from spans: in another store, with other rights."""

from __future__ import annotations

from opentelemetry._logs import Logger, LoggerProvider, LogRecord, SeverityNumber, get_logger
from opentelemetry.trace import Span, set_span_in_context

from rlm_async.core import events
from rlm_async.telemetry import conventions as names
from rlm_async.telemetry.content import Capture


class Details:
    """Writes one `gen_ai.client.inference.operation.details` event a model call."""

    def __init__(self, provider: LoggerProvider | None = None) -> None:
        """Use `provider`, or the one that the program has set up."""
        self._logger: Logger = get_logger(names.SCOPE, logger_provider=provider)

    def tell(self, span: Span, event: events.ModelReplied, question: str | None, capture: Capture, stamp: int) -> None:
        """What was said in the call of `span`; `question` is the prompt where it is the whole input."""
        attributes = {
            names.OPERATION: "chat",
            names.PROVIDER: names.provider_of(event.model),
            names.RESPONSE_MODEL: event.model,
            names.OUTPUT_MESSAGES: capture.message("assistant", event.text, event.finish),
        }
        if question is not None:
            attributes[names.INPUT_MESSAGES] = capture.message("user", question)
        record = LogRecord(
            timestamp=stamp,
            context=set_span_in_context(span),
            severity_number=SeverityNumber.INFO,
            attributes=attributes,
            event_name=names.DETAILS,
        )
        self._logger.emit(record)
