"""A reply on its way, told to those who look on: some times a second, and not to the trace."""

from __future__ import annotations

from rlm_async.core.events import ReplyGrew
from rlm_async.engine.recorder import Recorder

PERIOD = 0.1
"""Seconds between two tellings of one reply at least: a thousand replies at once must not drown a terminal."""


class Hearing:
    """Takes the pieces of one reply as a client reads them."""

    def __init__(self, record: Recorder, node: int, call: int) -> None:
        """Nothing has come yet."""
        self._record = record
        self._node = node
        self._call = call
        self._piece = ""
        self._characters = 0
        self._told = float("-inf")

    def __call__(self, characters: int, piece: str) -> None:
        """Take the next piece; `characters` have come with it. Fewer than before: the attempt is a new one."""
        self._piece = self._piece + piece if characters > self._characters else piece
        self._characters = characters
        now = self._record.now
        if now - self._told >= PERIOD:
            self._told = now
            told, self._piece = self._piece, ""
            self._record.tell(ReplyGrew(at=now, node=self._node, call=self._call, characters=characters, piece=told))
