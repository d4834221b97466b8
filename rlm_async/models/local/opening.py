"""The local model put together: weights by name, the machine's server for them, the thin client."""

from __future__ import annotations

import os
from collections.abc import Mapping

from rlm_async.models.endpoint import Endpoint
from rlm_async.models.local.choice import choose, info
from rlm_async.models.local.model import Client, LocalModel
from rlm_async.models.local.progress import Reporter, Silent
from rlm_async.models.local.settings import Serving
from rlm_async.models.local.supervisor import Supervisor

ANSWER_SECONDS = 900.0
"""A full window takes two minutes to read on two cores; several programs may be waiting for one server."""


def open_local(
    model: str = "local", report: Reporter | None = None, environ: Mapping[str, str] | None = None
) -> LocalModel:
    """The model that `model` names (`local`, `local:0.5b`, a path of a GGUF file); raises ConfigError.

    Nothing is started before the first request, nothing is ever fetched. `report` hears of a start.
    """
    environ = os.environ if environ is None else environ
    choice = choose(model, environ)
    settings = choice.settings(environ)

    def connect(serving: Serving) -> Client:
        # here: aiohttp takes 0.2 s to load, which only those pay who ask
        from rlm_async.models.openai_http import OpenAIClient  # noqa: PLC0415 - see above

        endpoint = Endpoint.parse(serving.address, serving.api_key)
        return OpenAIClient(endpoint, connections=serving.slots, timeout=ANSWER_SECONDS)

    return LocalModel(info(model, choice, settings), settings, Supervisor.of(environ), connect, report or Silent())
