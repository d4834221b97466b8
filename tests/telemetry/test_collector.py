"""`otel-collector.yaml`: a collector would take it, and nothing that people or models wrote gets through."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from rlm_async.telemetry import conventions as names

FILE = Path(__file__).resolve().parents[2] / "otel-collector.yaml"
KNOWN = {
    "receivers": {"otlp"},
    "processors": {"memory_limiter", "attributes", "redaction"},
    "exporters": {"otlp_http", "otlp_grpc", "debug"},
}
"""Components of the contrib distribution by their names of 2026; the batch processor is deprecated."""


@pytest.fixture
def config():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return yaml.safe_load(FILE.read_text("utf-8"))


def pipelines(config):
    return config["service"]["pipelines"].items()


@pytest.mark.parametrize("kind", sorted(KNOWN))
def test_every_component_is_known_declared_and_used(config, kind):
    declared = set(config[kind])
    assert {name.partition("/")[0] for name in declared} <= KNOWN[kind]
    assert {name for _, pipeline in pipelines(config) for name in pipeline[kind]} == declared


def test_there_is_a_pipeline_for_each_signal_and_memory_is_limited_first(config):
    assert {name for name, _ in pipelines(config)} == {"traces", "metrics", "logs"}
    for _, pipeline in pipelines(config):
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["receivers"]
        assert pipeline["exporters"]


def test_every_attribute_that_holds_content_is_deleted(config):
    actions = config["processors"]["attributes/redact"]["actions"]
    assert {action["key"] for action in actions if action["action"] == "delete"} == names.CONTENT
    for signal, pipeline in pipelines(config):
        assert ("attributes/redact" in pipeline["processors"]) is (signal != "metrics")


def test_the_shapes_of_keys_are_blocked_in_any_attribute(config):
    redaction = config["processors"]["redaction/keys"]
    assert redaction["allow_all_keys"] is True
    for key in ("sk-proj-abcdefghijklmnop", "AIzaSyA-1234567890abcdefgh", "AKIAABCDEFGHIJKLMNOP"):
        assert any(re.search(pattern, key) for pattern in redaction["blocked_values"]), key


def test_the_ports_are_those_of_otlp_and_open_to_this_machine_only(config):
    protocols = config["receivers"]["otlp"]["protocols"]
    assert {name: found["endpoint"] for name, found in protocols.items()} == {
        "grpc": "127.0.0.1:4317",
        "http": "127.0.0.1:4318",
    }


@pytest.mark.skipif(not os.environ.get("OTELCOL"), reason="OTELCOL names no collector")
def test_a_collector_accepts_it():
    done = subprocess.run(
        [os.environ["OTELCOL"], "validate", "--config", str(FILE)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_queue_that_batches_counts_items(config):
    """A collector refuses the file otherwise: "`batch` supports only `items` or `bytes` sizer"."""
    queues = [exporter["sending_queue"] for exporter in config["exporters"].values() if "sending_queue" in exporter]
    assert queues
    assert all(queue["sizer"] in {"items", "bytes"} for queue in queues if "batch" in queue)
