"""Keys planted wherever a caller can put one: none comes out in a span, a metric, a log, an event, an error, a result.

The model server is malicious: it repeats every header and the address of each request in its errors and replies.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import traceback
from pathlib import Path
from unittest import mock

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rlm_async import RLM, Limits
from rlm_async.api.wiring import secrets_in
from rlm_async.cli.progress import Progress
from rlm_async.cli.report import Ending, answer_json, error_line
from rlm_async.errors import RLMError
from rlm_async.models.retry import _Course
from rlm_async.telemetry import conventions as names
from rlm_async.telemetry.details import Details
from rlm_async.telemetry.instruments import Instruments
from rlm_async.telemetry.metrics import MetricSink
from rlm_async.telemetry.spans import SpanSink
from rlm_async.testing import LoopbackServer, Served

ROOT = Path(__file__).resolve().parents[2]
WORDS = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=16, max_size=32)
KEYS = st.one_of(WORDS, WORDS.map("sk-{}".format), WORDS.map("gsk_{}".format), WORDS.map("AIza{}".format))
FAULTS = st.sampled_from(["none", "echo", 401, 403, 404, 400, 413, 429, 500, 301, "drop", "nobody"])
WHERE = st.sampled_from(["api_key", "password", "query", "environment"])


class Observed:
    """Everything that could carry a key out of a run."""

    def __init__(self, environment):
        self.spans, self.reader, self.logs = InMemorySpanExporter(), InMemoryMetricReader(), InMemoryLogRecordExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.loggers = LoggerProvider(shutdown_on_exit=False)
        self.loggers.add_log_record_processor(SimpleLogRecordProcessor(self.logs))
        self.environment = environment
        self.instruments, self.details = Instruments(self.meters), Details(self.loggers)
        self.progress = Progress()
        self.said, self.records = [], []

    def sinks(self, arguments):
        """As the composition root makes them, on providers of this test."""
        secrets = secrets_in(arguments.get("api_base"), arguments.get("api_key"))

        def spans():
            return SpanSink(self.tracers, self.environment, secrets=secrets, details=self.details)

        return spans, lambda: MetricSink(self.instruments), lambda: self.progress

    def close(self):
        for provider in (self.tracers, self.meters, self.loggers):
            provider.shutdown()

    def telemetry(self):
        data = self.reader.get_metrics_data()
        return "\n".join(
            [
                *(span.to_json() for span in self.spans.get_finished_spans()),
                "" if data is None else data.to_json(),
                *(record.to_json() for record in self.logs.get_finished_logs()),
            ]
        )


@contextlib.contextmanager
def listening(records):
    class Keep(logging.Handler):
        def emit(self, record):
            records.append(f"{record.getMessage()} {record.exc_info and traceback.format_exception(*record.exc_info)}")

    handler, root = Keep(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def echoing(fault, key):
    """Replies as a proxy that logs everything into its error pages."""
    text = f"request with Authorization: Bearer {key} and {key} at http://u:{key}@host/?key={key} was wrong"

    def reply(asked):
        if fault == "echo":
            return text
        if isinstance(fault, int):
            return Served(text=text, status=fault)
        if fault == "drop":
            return Served(fault="drop")
        return "whales"

    return reply


def placed(where, key, url):
    """The arguments of RLM and the environment with `key` put where it is planted."""
    host = url.removeprefix("http://")
    if where == "api_key":
        return {"api_base": url, "api_key": key}, {}
    if where == "password":
        return {"api_base": f"http://user:{key}@{host}"}, {}
    if where == "query":
        return {"api_base": f"{url}?api-key={key}", "api_key": "x"}, {}
    return {"api_base": url}, {"OPENAI_API_KEY": key}


async def observed(where, key, fault, capture):
    environment = {names.CAPTURE_VARIABLE: capture} if capture else {}
    found = Observed(environment)
    async with LoopbackServer(echoing(fault, key)) as server:
        url = "http://127.0.0.1:1/v1" if fault == "nobody" else server.url
        arguments, extra = placed(where, key, url)
        found.environment = {**environment, **extra}
        with mock.patch.dict(os.environ, extra), listening(found.records):
            ending = Ending(progress=found.progress)
            try:
                rlm = RLM(
                    "openai/m", limits=Limits(calls=20), sinks=found.sinks(arguments), strategy="direct", **arguments
                )
                answer = await rlm.ask("which animal?", "a text")
                ending = Ending(progress=found.progress, answer=answer)
            except RLMError as error:
                found.said += [str(error), repr(error), error_line(error)]
                ending = Ending(progress=found.progress, answer=getattr(error, "answer", None), error=error)
    return found, ending


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Failed attempts are made again at once."""
    monkeypatch.setattr(_Course, "_pause", lambda *_: 0.0)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(KEYS, WHERE, FAULTS, st.sampled_from(["", "SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT"]))
def test_no_planted_key_comes_out_of_telemetry_errors_and_logs(key, where, fault, capture):
    found, ending = anyio.run(observed, where, key, fault, capture)
    try:
        telemetry = found.telemetry()
        assert "invoke_workflow rlm" in telemetry or ending.error is not None
        assert key not in telemetry
        assert key not in "\n".join(found.said)
        assert key not in "\n".join(found.records)
        if fault != "echo":  # what a model says is the answer itself, and the caller's
            assert key not in answer_json(ending)
            trace = ending.answer.trace if ending.answer is not None else ()
            assert key not in repr(trace)
            assert json.loads(answer_json(ending))["status"] in {"complete", "partial", "failed"}
    finally:
        found.close()


def test_the_settings_of_an_rlm_show_no_key():
    rlm = RLM("openai/m", api_base="http://user:hunter2hunter2@host/v1", api_key="sk-planted-planted-planted")
    shown = repr(vars(rlm)) + repr(rlm._wiring)
    assert "planted" not in shown
    assert "hunter2" not in shown


def test_a_command_shows_no_key_of_its_address_its_environment_or_its_collector(tmp_path):
    planted = {
        "OPENAI_API_KEY": "planted-environment",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:planted-collector@127.0.0.1:1/planted-path",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=planted-header",
        "RLM_ASYNC_DEBUG": "1",
        names.CAPTURE_VARIABLE: "SPAN_AND_EVENT",
    }
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **planted}
    for base in ("http://user:planted-password@127.0.0.1:1/v1?key=planted-query", "ftp://host/?key=planted-query"):
        words = [
            sys.executable,
            "-m",
            "rlm_async",
            "ask",
            "which?",
            "--json",
            "--model",
            "openai/m",
            "--api-base",
            base,
        ]
        done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        assert json.loads(done.stdout)["status"] == "failed"
        assert "planted" not in done.stdout + done.stderr.replace("planted-path", "")
