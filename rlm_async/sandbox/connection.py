"""The host's end of a worker's wire: nothing here blocks, and nothing that is read is believed."""

from __future__ import annotations

import socket
import struct

import anyio
import anyio.lowlevel

from rlm_async.errors import SandboxCrashed
from rlm_async.sandbox.wire import Frames, Hint, Message, Upward, decode_upward, frame

_READ = 1 << 18
_CREDENTIALS = struct.Struct("iii")


class Connection:
    """Frames over a socket. What has been queued is sent whole even if the task that queued it is cancelled."""

    def __init__(self, sock: socket.socket, message_bytes: int) -> None:
        sock.settimeout(0)
        self._sock = sock
        self._frames = Frames(message_bytes)
        self._outbox = bytearray()
        self._wanted = anyio.Event()
        self.received = 0
        """Bytes of the worker so far."""
        self.hinted = 0
        """Those among them that were hints."""

    def queue(self, message: Message) -> None:
        """Put a message into the outbox. Raises ValueError, OverflowError or TypeError for impossible data."""
        self.queue_raw(frame(message))

    def queue_raw(self, data: bytes) -> None:
        """Put bytes into the outbox."""
        self._outbox += data
        self._wanted.set()

    async def flush(self) -> None:
        """Send all that is queued. Raises SandboxCrashed if the worker is gone."""
        while self._outbox:
            try:
                sent = self._sock.send(memoryview(self._outbox)[:_READ])
            except BlockingIOError:
                await anyio.wait_writable(self._sock)
            except OSError:
                raise SandboxCrashed("the worker is gone") from None
            else:
                del self._outbox[:sent]

    async def send_raw(self, data: bytes | memoryview) -> None:
        """Send bytes past the empty outbox, without a copy; gives way to other tasks.

        Not for a wire that is to be used after this was cancelled.
        """
        left = memoryview(data)
        while left:
            try:
                left = left[self._sock.send(left) :]
            except BlockingIOError:
                await anyio.wait_writable(self._sock)
            except OSError:
                raise SandboxCrashed("the worker is gone") from None
        await anyio.lowlevel.checkpoint()

    async def pump(self) -> None:
        """Send whatever is queued, until cancelled."""
        while True:
            self._wanted = anyio.Event()
            await self.flush()
            await self._wanted.wait()

    async def receive(self) -> list[Upward]:
        """What has arrived, at least one message. Raises SandboxCrashed at the end, Violation for anything odd."""
        while True:
            messages = self.receive_nowait()
            if messages:
                return messages
            await anyio.wait_readable(self._sock)

    def receive_nowait(self) -> list[Upward]:
        """What has arrived. Raises as `receive`."""
        try:
            data = self._sock.recv(_READ)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            raise SandboxCrashed("the worker died")
        self.received += len(data)
        return [self._decoded(body) for body in self._frames.feed(data)]

    def _decoded(self, body: bytes) -> Upward:
        message = decode_upward(body)
        if isinstance(message, Hint):
            self.hinted += len(body)
        return message

    async def sender(self) -> int:
        """The process that speaks first on this wire, as the kernel says; Linux only."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        await anyio.wait_readable(self._sock)
        _, notes, _, _ = self._sock.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size), socket.MSG_PEEK)
        for level, kind, data in notes:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                return int(_CREDENTIALS.unpack(data)[0])
        raise SandboxCrashed("the check-point died")

    def close(self) -> None:
        """Let go of the socket; whoever waits for it is told."""
        if self._sock.fileno() >= 0:
            anyio.notify_closing(self._sock)
            self._sock.close()
