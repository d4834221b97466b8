"""What `doctor` looks at, one check a function; none changes anything, none costs money."""

from __future__ import annotations

import http.client
import importlib.metadata
import json
import os
import platform
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TextIO

import anyio

from rlm_async import __version__
from rlm_async.cli.options import KEYS, MODEL
from rlm_async.core.context import EMPTY
from rlm_async.core.data import Data
from rlm_async.core.query import Reply, SubQuery
from rlm_async.errors import ConfigError, SandboxError
from rlm_async.models.endpoint import Endpoint
from rlm_async.models.local.choice import is_local
from rlm_async.models.local.status import status
from rlm_async.models.local.weights import mebibytes
from rlm_async.sandbox import Sandbox
from rlm_async.sandbox.jail import FIXES, LAYERS

PACKAGES = (
    "anyio",
    "aiohttp",
    "litellm",
    "jsonschema",
    "msgspec",
    "opentelemetry-exporter-otlp",
    "opentelemetry-sdk",
    "platformdirs",
    "RestrictedPython",
    "rich",
    "tenacity",
    "typer",
)
EXTRAS = (
    ("local", "xllamacpp", "the model on this machine"),
    ("pdf", "pypdf", "PDF files as input"),
)
ENDPOINTS = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
ANSWER_SECONDS = 5.0
OPTIONAL_LAYERS = frozenset({"mount"})
"""Walls that are not asked for by default: without them nothing is amiss."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `problem` means that the default way does not work."""

    topic: str
    state: Literal["ok", "note", "problem"]
    line: str
    fix: str = ""


class _Nobody:
    """The host of a sandbox that only shows its layers."""

    @property
    def tools(self) -> Mapping[str, str]:
        return {}

    async def spawn(self, queries: Sequence[SubQuery]) -> list[Reply]:
        return [Reply(error="Refused", message="nobody answers here") for _ in queries]

    async def tool(self, name: str, arguments: Sequence[Data], named: Mapping[str, Data]) -> Reply:  # noqa: ARG002 - part of the port
        return Reply(error="NameError", message=f"there is no tool named {name!r}")

    def budget(self) -> Mapping[str, float | None]:
        return {}


def python() -> Iterator[Finding]:
    """The interpreter, this package, and what it stands on."""
    where = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.release()}"
    yield Finding("python", "ok", f"{where} ({platform.machine()}), {sys.executable}")
    found = {name: _version(name) for name in PACKAGES}
    missing = [name for name, version in found.items() if version is None]
    present = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    yield Finding("packages", "ok", f"rlm-async {__version__}; {present}")
    if missing:
        fix = f"{sys.executable} -m pip install {' '.join(missing)}"
        yield Finding("packages", "problem", f"missing: {', '.join(missing)}", fix)


def extras() -> Iterator[Finding]:
    """Optional parts."""
    for extra, package, purpose in EXTRAS:
        version = _version(package)
        if version is not None:
            yield Finding("extras", "ok", f"{extra}: {package} {version} ({purpose})")
        elif extra != "local":  # the local model speaks for itself
            yield Finding("extras", "note", f"{extra}: not there ({purpose})", f"pip install 'rlm-async[{extra}]'")


def model(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Which model answers by default, and whether it can."""
    named = environ.get(MODEL, "").strip() or "local"
    chosen = f"{named} answers where --model is not given" + (f" (${MODEL})" if environ.get(MODEL) else "")
    yield Finding("model", "ok", chosen)
    found = status(environ)
    wanted = is_local(named)
    if found.usable and found.chosen is not None:
        yield Finding("local model", "ok", f"{found.chosen.note} (engine xllamacpp {found.engine})")
    for problem in found.problems:
        line, _, fix = problem.partition(": ")
        blocks = wanted and not found.usable
        yield Finding("local model", "problem" if blocks else "note", line, fix)
    for one in found.servers:
        yield Finding("local model", "ok", f"its server runs at {one.address}, process {one.pid}")
    memory = "unknown" if found.free_memory is None else mebibytes(found.free_memory)
    yield Finding("machine", "ok", f"{mebibytes(found.free_disk)} free in {found.folder}; memory free: {memory}")


def keys(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Providers' keys: whether they are there, never what they are."""
    present = [name for name in KEYS if environ.get(name)]
    if present:
        yield Finding("keys", "ok", f"set: {', '.join(present)}")
    else:
        yield Finding(
            "keys", "note", "no provider's key is set", "export OPENAI_API_KEY=… for openai/ models, and so on"
        )


def walls() -> Iterator[Finding]:
    """The sandbox, by opening one."""
    try:
        layers = anyio.run(_layers, backend="asyncio")
    except SandboxError as error:
        line, _, fix = str(error).partition(": ")
        yield Finding("sandbox", "problem", line, fix or "ask for --sandbox process, with weaker walls, by name")
        return
    yield Finding("sandbox", "ok", f"code runs behind {', '.join(layers)}")
    for layer in LAYERS:
        if layer not in layers and layer not in OPTIONAL_LAYERS:
            yield Finding("sandbox", "note", f"without {layer}", FIXES.get(layer, ""))


def endpoint(api_base: str | None, api_key: str | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    """The endpoint that `--api-base` or the environment names."""
    named = next((name for name in ENDPOINTS if environ.get(name)), None)
    address = api_base or (environ[named] if named else None)
    if address is None:
        return
    try:
        place = Endpoint.parse(address, api_key or environ.get("OPENAI_API_KEY"))
    except ConfigError as error:
        yield Finding("endpoint", "problem", str(error), "correct --api-base" if api_base else f"correct ${named}")
        return
    yield _reached(place)


def terminal(stream: TextIO) -> Iterator[Finding]:
    """Where a run can be watched."""
    encoding = getattr(stream, "encoding", None) or "unknown"
    if stream.isatty():
        size = shutil.get_terminal_size()
        color = "no colours (NO_COLOR)" if os.environ.get("NO_COLOR") else "colours"
        yield Finding("terminal", "ok", f"live tree, {size.columns} x {size.lines}, {encoding}, {color}")
    else:
        yield Finding("terminal", "ok", f"none: plain lines, {encoding}")


async def _layers() -> tuple[str, ...]:
    async with Sandbox(warm=0) as sandboxes, sandboxes.open(EMPTY, _Nobody()) as opened:
        return opened.layers


def _reached(place: Endpoint) -> Finding:
    """Ask for the list of models: no completion, so nothing is paid."""
    fix = "start the server, or correct the address"
    if place.socket is not None:
        try:
            with socket.socket(socket.AF_UNIX) as end:
                end.settimeout(ANSWER_SECONDS)
                end.connect(place.socket)
        except OSError as error:
            return Finding("endpoint", "problem", f"{place.name}: {error.strerror or 'no answer'}", fix)
        return Finding("endpoint", "ok", f"{place.name} takes connections")
    headers = {"User-Agent": "rlm-async"}
    if place.authorization:
        headers["Authorization"] = place.authorization
    url = place.url("/v1/models" if place.bare else "/models")
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - Endpoint.parse lets http and https pass
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as reply:  # noqa: S310 - the same
            return Finding("endpoint", "ok", f"{place.name} answers; models: {_names(reply.read(1 << 20))}")
    except urllib.error.HTTPError as error:
        error.close()
        return _refused(place, error.code)
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)
        said = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
        return Finding("endpoint", "problem", f"{place.name} cannot be reached: {said}", fix)


def _refused(place: Endpoint, code: int) -> Finding:
    if code in {401, 403}:
        fix = "name the variable that holds its key with --api-key-env"
        return Finding("endpoint", "problem", f"{place.name} refuses the key ({code})", fix)
    if code == 404:  # noqa: PLR2004 - an HTTP status
        return Finding("endpoint", "note", f"{place.name} answers, but lists no models (404)", "often /v1 is missing")
    return Finding("endpoint", "problem", f"{place.name} answers with status {code}", "look into its log")


def _names(body: bytes) -> str:
    """The first models of a list, as far as there is one."""
    few = 5
    try:
        names = [str(card["id"]) for card in json.loads(body)["data"]]
    except (ValueError, KeyError, TypeError):
        return "no list that could be read"
    return ", ".join(names[:few]) + (f" and {len(names) - few} more" if len(names) > few else "") or "none"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
