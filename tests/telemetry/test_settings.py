"""Where telemetry goes, by the standard variables; and that nothing is sent where none asks for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rlm_async.telemetry import conventions as names
from rlm_async.telemetry.settings import BATCH, DELAY, QUEUE, ExportSettings

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def routes(**environ):
    found = ExportSettings.of({**ENDPOINT, **environ})
    return {} if found is None else {route.signal: route for route in found.routes}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "mine"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "true"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": " TRUE "},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
    ],
)
def test_nothing_is_sent_unless_it_is_asked_for(environ):
    assert ExportSettings.of(environ) is None


def test_an_endpoint_opens_traces_and_metrics_and_no_logs():
    found = routes()
    assert set(found) == {"traces", "metrics"}
    assert (found["traces"].protocol, found["traces"].address) == ("http/protobuf", "collector:4318")


def test_logs_are_open_only_where_content_is_wanted_on_them():
    assert "logs" in routes(**{names.CAPTURE_VARIABLE: "EVENT_ONLY"})
    assert "logs" not in routes(**{names.CAPTURE_VARIABLE: "SPAN_ONLY"})


def test_a_signals_own_variables_win():
    found = routes(
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="https://traces.example/v1/traces",
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="grpc",
        OTEL_METRICS_EXPORTER="none",
    )
    assert set(found) == {"traces"}
    assert (found["traces"].protocol, found["traces"].address) == ("grpc", "traces.example:443")


def test_an_exporter_without_an_endpoint_goes_to_this_machine():
    found = ExportSettings.of({"OTEL_TRACES_EXPORTER": "otlp,console", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    (route,) = found.routes
    assert (route.exporters, route.address) == (("otlp", "console"), "localhost:4317")


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("http://user:secret@host:99/v1", "host:99"),
        ("host:4317", "host:4317"),
        ("http://[::1]:4317", "::1:4317"),
        ("http://host", "host:80"),
        ("https://host", "host:443"),
        ("http://host:notaport", "localhost:4318"),
    ],
)
def test_an_address_is_shown_without_its_credentials(endpoint, address):
    assert routes(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)["traces"].address == address


def test_what_cannot_be_understood_is_told_and_left_out():
    found = ExportSettings.of(
        {
            **ENDPOINT,
            "OTEL_TRACES_EXPORTER": "otlp,zipkin",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
            "OTEL_BSP_MAX_QUEUE_SIZE": "many",
            "OTEL_BSP_SCHEDULE_DELAY": "250",
        }
    )
    assert [route.exporters for route in found.routes] == [("otlp",)]
    assert [word for note in found.notes for word in ("zipkin", "http/json", "many") if word in note] == [
        "zipkin",
        "http/json",
        "many",
    ]
    assert (found.queue, found.batch, found.delay) == (QUEUE, BATCH, 0.25)
    assert ExportSettings.of(ENDPOINT).delay == DELAY


def test_the_sdk_is_loaded_only_where_it_is_wanted():
    code = (
        "import sys\n"
        "from rlm_async.cli.telemetry import exported\n"
        "import rlm_async.api\n"
        "with exported({}): pass\n"
        "loaded = [name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', 'grpc'))]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
