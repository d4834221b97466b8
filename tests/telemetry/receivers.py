"""Real programs that take OTLP, each by its own decoder: `rotel` (gRPC and HTTP) and `oteltap` (HTTP)."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def missing():
    """What is not installed, or None."""
    absent = [name for name in ("oteltap", "rotel") if importlib.util.find_spec(name) is None]
    return f"{', '.join(absent)} not installed: pip install --group otlp" if absent else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port, process):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, process.args
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(process.args)


@contextmanager
def running(*words, port, **options):
    process = subprocess.Popen(words, **options)
    try:
        await_port(port, process)
        yield process
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout:
            process.stdout.close()


@dataclass(frozen=True)
class Received:
    """A span as it arrived: `attributes` are text."""

    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, str]


class Receiver:
    """A program that tells what it got on its standard output."""

    def __init__(self, process, endpoint, protocol, read):
        self.process, self.endpoint, self.protocol = process, endpoint, protocol
        self.lines = []
        self._read = read
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    @property
    def environ(self):
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": self.protocol}

    @property
    def spans(self):
        return list(self._read(tuple(self.lines)))

    @property
    def text(self):
        return "".join(self.lines)

    def until(self, enough):
        """Wait until `enough(text)`: printing takes a moment longer than the sender's exit."""
        end = time.monotonic() + 30
        while not enough(self.text) and time.monotonic() < end:
            time.sleep(0.05)
        return self

    def _collect(self):
        for line in self.process.stdout:
            self.lines.append(line)


@contextmanager
def oteltap():
    port = free_port()
    words = (sys.executable, "-u", "-m", "oteltap", "--port", str(port))
    with running(*words, port=port, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        yield Receiver(process, f"http://127.0.0.1:{port}", "http/protobuf", _json_spans)


def _json_spans(lines):
    for line in lines:
        if line.startswith("{") and '"spanId"' in line[:200]:
            span = json.loads(line)
            attributes = {item["key"]: str(next(iter(item["value"].values()))) for item in span["attributes"]}
            yield Received(span["name"], span["traceId"], span["spanId"], span["parentSpanId"], attributes)


@contextmanager
def rotel(protocol):
    import rotel as installed

    grpc, http = free_port(), free_port()
    agent = Path(installed.__file__).with_name("rotel-agent")
    words = [agent, "start", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}", "--otlp-http-endpoint", f"127.0.0.1:{http}"]
    words += [
        "--exporter",
        "blackhole",
        "--debug-log",
        "traces",
        "--debug-log",
        "metrics",
        "--debug-log-verbosity",
        "detailed",
    ]
    port = grpc if protocol == "grpc" else http
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with running(*map(str, words), port=port, **pipe) as process:
        yield Receiver(process, f"http://127.0.0.1:{port}", protocol, _logged_spans)


def _logged_spans(lines):
    """Spans of rotel's detailed log: `Span #3`, then `Name : …`, then `-> key: Str(value)`."""
    for block in re.split(r"^Span #\d+$", "".join(lines), flags=re.MULTILINE)[1:]:
        heads = dict(re.findall(r"^    (Trace ID|Parent ID|ID|Name) *: ?(.*)$", block, re.MULTILINE))
        attributes = dict(re.findall(r"^     -> ([\w.]+): \w+\((.*)\)$", block, re.MULTILINE))
        yield Received(heads["Name"], heads["Trace ID"], heads["ID"], heads["Parent ID"], attributes)


RECEIVERS = {
    "oteltap-http": oteltap,
    "rotel-http": lambda: rotel("http/protobuf"),
    "rotel-grpc": lambda: rotel("grpc"),
}
