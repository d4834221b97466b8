"""`rlm-async serve`: an OpenAI-compatible server, so that any client asks about inputs of any length."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass

from rlm_async.api import RLM
from rlm_async.cli.choice import introduction
from rlm_async.cli.options import Choices
from rlm_async.cli.report import COMPLETE
from rlm_async.cli.runs_place import wanted
from rlm_async.cli.streams import write_line
from rlm_async.cli.telemetry import exported
from rlm_async.errors import ConfigError

KEY = "RLM_ASYNC_SERVE_KEY"
"""The environment variable that holds the one key, where there is no file of keys."""
NAME = "rlm-async"
EXTRA = "the server needs more packages: pip install 'rlm-async[serve]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What was typed."""

    choices: Choices
    given_model: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    keys: str | None = None
    grace: float = 30.0
    quiet: bool = False


def serve(served: Served) -> int:
    """Serve until a signal; raises ConfigError before anything listens."""
    try:
        from rlm_async.serve import Key, Keys, Serving, application  # noqa: PLC0415 - an extra
        from rlm_async.serve.keys import hashed, keys_in  # noqa: PLC0415 - an extra
        from rlm_async.serve.running import Address, run  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigError(EXTRA) from error
    known = keys_in(served.keys) if served.keys is not None else []
    if not known and os.environ.get(KEY):
        known = [Key(name="the key", sha256=hashed(os.environ[KEY]))]
    address = Address(served.host, served.port, served.grace)
    if not known and not address.local:
        raise ConfigError(f"--host {served.host} is open to others: give --keys FILE or ${KEY} first")
    line = introduction(served.choices.model, served.given_model, os.environ)
    rlm = composed(served.choices)
    serving = Serving({NAME: rlm, served.choices.model: rlm}, Keys(known))

    def ready(port: int) -> None:
        guard = f"{len(known)} keys" if len(known) != 1 else "1 key"
        where = f"http://{f'[{served.host}]' if ':' in served.host else served.host}:{port}/v1"
        write_line(f"serving {served.choices.model} as {NAME} at {where}, {guard}", sys.stderr)

    def stopping() -> None:
        serving.stopping = True
        if serving.in_flight:
            write_line(f"stopping: {serving.in_flight} under way, at most {served.grace:g} s more", sys.stderr)

    if line is not None:
        write_line(line, sys.stderr)
    _log(quiet=served.quiet)
    with exported(quiet=served.quiet):
        run(application(serving), address, ready, stopping)
    return COMPLETE


def composed(choices: Choices) -> RLM:
    """The RLM of what was chosen; raises ConfigError."""
    return RLM(
        choices.model,
        sub_model=choices.sub_model,
        api_base=choices.api_base,
        api_key=choices.api_key,
        limits=choices.limits,
        rates=choices.rates,
        profile=choices.profile,
        strategy=choices.strategy,
        sandbox=choices.sandbox,
        journal=wanted(choices.journal, os.environ),
    )


def _log(*, quiet: bool) -> None:
    """One line a request on stderr, without a word of what was asked."""
    log = logging.getLogger("rlm_async")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.INFO)
