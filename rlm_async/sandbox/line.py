"""The worker's end of the wire: sends requests, collects replies, hands out what the host says next."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping, Sequence

from rlm_async.sandbox import wire
from rlm_async.sandbox.link import Op
from rlm_async.sandbox.weights import characters
from rlm_async.sandbox.wire import Amounts, Cancel, Downward, Frames, Left, Message, Query, Reply, Tool

_READ = 1 << 16
_MOST = 1 << 30
"""The host is trusted with long frames."""


class Line:
    """Implements `link.Link` over a file descriptor. One thread, blocking."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.message_bytes = _MOST
        self.offline = False
        """While cells are replayed nothing may be asked."""
        self.busy = 0
        """Above zero while a frame is being written: no stop may interrupt it."""
        self.calls = 0
        self._ticket = 0
        self._replies: dict[int, object] = {}
        self._dropped: set[int] = set()
        self._frames = Frames(_MOST)
        self._ready: list[bytes] = []

    def attach(self, fd: int) -> None:
        """Go on over a new descriptor, with nothing left of the old one."""
        self.__init__(fd)  # type: ignore[misc]  # the same as a new line, for whoever holds this one

    def send(self, message: Message) -> None:
        """Write one message. Raises ValueError for what cannot travel, before anything is written."""
        try:
            data = wire.frame(message)
        except UnicodeError:
            raise ValueError("text with lone surrogates cannot be sent; encode it with errors='replace'") from None
        except (OverflowError, TypeError, RecursionError) as error:
            raise ValueError(f"only plain data can be sent: {error}") from None
        if len(data) > self.message_bytes:
            raise ValueError(
                f"a message of {len(data):,} bytes; {self.message_bytes:,} is the most: send less at a time"
            )
        self.busy += 1
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self.fd, view) :]
        finally:
            self.busy -= 1

    def next(self) -> Downward:
        """The host's next message that is no reply; raises EOFError once the host is gone."""
        while True:
            message = self._read()
            if not self._file(message):
                return message

    def receive_exactly(self) -> Downward:
        """The next message, reading not one byte beyond it: raw data may follow."""
        head = self._exactly(4)
        return wire.decode_downward(self._exactly(int.from_bytes(head, "big")))

    def call(self, op: Op, payload: object) -> int:
        """Send a request; returns its ticket. Raises ValueError for what is no plain data."""
        if self.offline:
            raise ValueError("no calls while a check-point is brought up to date")
        if not isinstance(payload, Mapping):
            raise TypeError("a payload is a dict")
        if characters(payload, self.message_bytes) > self.message_bytes:
            raise ValueError(f"a message of more than {self.message_bytes:,} bytes: send less at a time")
        self._ticket += 1
        self.send(request(op, self._ticket, payload))
        self.calls += 1
        return self._ticket

    def ready(self, ticket: int) -> bool:
        """Whether the reply is there; takes in whatever has arrived, and does not wait."""
        while ticket not in self._replies and self._waiting():
            self._file(self._read())
        return ticket in self._replies

    def wait(self, tickets: Sequence[int]) -> None:
        """Block until one of the replies is there."""
        while not any(ticket in self._replies for ticket in tickets):
            self._file(self._read())

    def take(self, ticket: int) -> object:
        """The reply, once."""
        return self._replies.pop(ticket)

    def cancel(self, ticket: int) -> None:
        """Drop the reply, and tell the host."""
        if self._replies.pop(ticket, None) is None:
            self._dropped.add(ticket)
            self.send(Cancel(id=ticket))

    def forget(self) -> None:
        """Drop all replies of the cell that has ended."""
        self._replies.clear()
        self._dropped.clear()

    def _file(self, message: Downward) -> bool:
        if isinstance(message, Reply):
            content: object = {
                "value": message.value,
                "error": message.error,
                "message": message.message,
                "status": message.status,
            }
        elif isinstance(message, Amounts):
            content = message.amounts
        else:
            return False
        if message.id in self._dropped:
            self._dropped.discard(message.id)
        else:
            self._replies[message.id] = content
        return True

    def _read(self) -> Downward:
        while not self._ready:
            data = os.read(self.fd, _READ)
            if not data:
                raise EOFError
            self._ready.extend(self._frames.feed(data))
        return wire.decode_downward(self._ready.pop(0))

    def _waiting(self) -> bool:
        if self._ready:
            return True
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        return bool(poll.poll(0))

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            more = os.read(self.fd, size - len(data))
            if not more:
                raise EOFError
            data += more
        return bytes(data)


def request(op: Op, ticket: int, payload: Mapping[str, object]) -> Message:
    """The message for a call as `link.Link` describes it."""
    fields = dict(payload)
    if op == "budget":
        return Left(id=ticket)
    if op == "tool":
        return Tool(id=ticket, **fields)  # type: ignore[arg-type]  # the host checks every field
    context = fields.get("context")
    if isinstance(context, Mapping) and set(context) == {"$slice"}:
        fields["context"] = None
        fields["slice"] = tuple(context["$slice"])
    return Query(id=ticket, **fields)  # type: ignore[arg-type]  # the host checks every field
