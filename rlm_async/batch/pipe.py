"""The worker's end of a pipe: items come in on standard input, results go out on standard output.

Each message is one line of JSON: `{"job": …}` first, then `{"item": …}`; back come `{"result": …}`. The end of
the input ends the worker, once what it has in hand is answered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import BinaryIO

import anyio.to_thread
import msgspec

from rlm_async.batch.here import Opening, answered_by
from rlm_async.batch.window import Window
from rlm_async.core.data import Data
from rlm_async.core.items import Item, ItemResult
from rlm_async.errors import ConfigError, RLMError


def message(kind: str, body: Mapping[str, Data]) -> bytes:
    """One line."""
    return msgspec.json.encode({kind: body}) + b"\n"


def opened_message(line: bytes, kind: str) -> Mapping[str, Data]:
    """What a line of that kind holds; raises ConfigError for any other."""
    try:
        told = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise ConfigError("a worker was told something that is no message") from error
    body = told.get(kind) if isinstance(told, dict) else None
    if not isinstance(body, dict):
        raise ConfigError(f"a worker was told something that is no {kind}")
    return body


async def serve(opening: Opening, incoming: BinaryIO, outgoing: BinaryIO, *, most: int) -> None:
    """Answer what comes until the input ends; at most `most` items in hand."""

    async def read() -> bytes:
        return await anyio.to_thread.run_sync(incoming.readline, abandon_on_cancel=True)

    async def items() -> AsyncIterator[Item]:
        while line := await read():
            yield Item.of_record(opened_message(line, "item"))

    async def deliver(result: ItemResult) -> None:
        outgoing.write(message("result", result.record))
        outgoing.flush()

    job = opened_message(await read(), "job")
    try:
        async with opening(job) as asker:
            await answered_by(asker, items(), deliver, Window(most, lambda: asker.hungry, most))
    except RLMError as error:
        outgoing.write(message("refused", {"kind": type(error).__name__, "error": str(error)}))
        outgoing.flush()
