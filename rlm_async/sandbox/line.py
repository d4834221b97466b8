"""The worker's end of the wire: sends requests, collects replies, hands out what the host says next."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping, Sequence

from rlm_async.sandbox import wire
from rlm_async.sandbox.link import Op
from rlm_async.sandbox.weights import characters
from rlm_async.sandbox.wire import Amounts, Cancel, Downward, Foreseen, Frames, Hint, Left, Message, Query, Reply, Tool

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
        self._hints = 0
        self._foreseen: dict[int, object] = {}

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

    def wait_for(self, tickets: Sequence[int], seconds: float | None, also: int = -1) -> bool:
        """As `runahead.Outlook.wait_for`."""
        while not self.arrived(*tickets):
            if not self._waiting(seconds, also):
                return False
            self._file(self._read())
        return True

    def arrived(self, *tickets: int) -> bool:
        """Whether one of these replies is there already, without looking for it."""
        return any(ticket in self._replies for ticket in tickets)

    def hint(self, payload: Mapping[str, object], *, sure: bool) -> int:
        """As `runahead.Outlook.hint`."""
        self._hints += 1
        self.send(hint_of(self._hints, payload, sure=sure))
        return self._hints

    def foreseen(self) -> Mapping[int, object]:
        """As `runahead.Outlook.foreseen`."""
        found, self._foreseen = self._foreseen, {}
        return found

    def let_go(self) -> None:
        """In a copy of this process: close the wire, which is the worker's alone."""
        os.close(self.fd)
        self.fd = -1

    def idle(self, seconds: float) -> bool:
        """Wait up to `seconds` for the host; True if it has said nothing."""
        return not self._waiting(seconds)

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
        self._foreseen.clear()

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
        elif isinstance(message, Foreseen):
            self._foreseen[message.id] = message.value
            return True
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

    def _waiting(self, seconds: float | None = 0.0, also: int = -1) -> bool:
        """Whether there is something to read; waits up to `seconds`, or until `also` is readable and this is not."""
        if self._ready:
            return True
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        if also >= 0:
            poll.register(also, select.POLLIN)
        return any(fd == self.fd for fd, _ in poll.poll(None if seconds is None else 1000 * seconds))

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
    return Query(id=ticket, **_sliced(fields))  # type: ignore[arg-type]  # the host checks every field


def hint_of(number: int, payload: Mapping[str, object], *, sure: bool) -> Hint:
    """The hint for a query's payload."""
    return Hint(id=number, sure=sure, **_sliced(dict(payload)))  # type: ignore[arg-type]  # as above


def payload_of(hint: Hint) -> Mapping[str, object]:
    """The payload that a hint was made of, its parts in the same order."""
    return {
        "kind": hint.kind,
        "prompt": hint.prompt,
        "context": hint.context if hint.slice is None else {"$slice": list(hint.slice)},
        "model": hint.model,
        "schema": hint.schema,
        "sample": hint.sample,
        "cached": hint.cached,
        "grant": hint.grant,
    }


def _sliced(fields: dict[str, object]) -> dict[str, object]:
    context = fields.get("context")
    if isinstance(context, Mapping) and set(context) == {"$slice"}:
        fields["context"] = None
        fields["slice"] = tuple(context["$slice"])
    return fields
