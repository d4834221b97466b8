"""An application on a port, until a signal: then no new requests, and time for those under way to end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from socket import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from rlm_async.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and how long requests under way may take once a signal has come, in seconds."""

    host: str = "127.0.0.1"
    port: int = 8000
    grace: float = 30.0

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class _Server(uvicorn.Server):
    """Tells when it listens, and when it was asked to stop."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[int], None], stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready(self.servers[0].sockets[0].getsockname()[1])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping()
        super().handle_exit(sig, frame)


def run(app: ASGIApp, address: Address, ready: Callable[[int], None], stopping: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is told the port; raises ConfigError where it cannot be had.

    A second signal ends what is still under way.
    """
    config = uvicorn.Config(
        app,
        host=address.host,
        port=address.port,
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(address.grace)),
    )
    with _signals_kept():
        try:
            _Server(config, ready, stopping).run()
        except SystemExit as error:  # uvicorn's word for a port that is taken or an application that did not start
            raise ConfigError(
                f"cannot listen on {address.host} port {address.port}: it is taken or not ours; --port takes another"
            ) from error


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Uvicorn raises the signals that ended it once more: here that must not end the process a second time."""
    before = {number: signal.signal(number, _nothing) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Do nothing: the server has ended in good order already."""
