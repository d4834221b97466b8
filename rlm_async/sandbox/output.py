"""What a cell prints: all of it counted, its head and tail kept."""

from __future__ import annotations

from collections import deque


class Output:
    """Takes text in any number of pieces and never holds more than about `most` characters of it."""

    def __init__(self, most: int) -> None:
        self._head_room = most - most // 2
        self._tail_room = most // 2
        self._head: list[str] = []
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self.characters = 0
        """How much was written, cut or not."""

    def write(self, text: str) -> int:
        """Add text; returns its length, as files do."""
        self.characters += len(text)
        if self._head_room:
            self._head.append(text[: self._head_room])
            rest = text[self._head_room :]
            self._head_room -= len(self._head[-1])
        else:
            rest = text
        if rest:
            self._keep(rest[-self._tail_room :] if self._tail_room else "")
        return len(text)

    def _keep(self, text: str) -> None:
        self._tail.append(text)
        self._tail_size += len(text)
        while self._tail and self._tail_size - len(self._tail[0]) >= self._tail_room:
            self._tail_size -= len(self._tail.popleft())
        if len(self._tail) > _PIECES:
            self._tail = deque(["".join(self._tail)])

    def text(self) -> str:
        """Everything, or head and tail with a line between them that says how much is missing."""
        head, tail = "".join(self._head), "".join(self._tail)
        tail = tail[-self._tail_room :] if self._tail_room else ""
        missing = self.characters - len(head) - len(tail)
        return f"{head}\n[... {missing:,} characters cut ...]\n{tail}" if missing else head + tail

    def ends_line(self) -> bool:
        """Whether the next text would start on a line of its own."""
        last = next((part for part in (*reversed(self._tail), *reversed(self._head)) if part), "\n")
        return last.endswith("\n")


_PIECES = 4_096


def clipped(text: str, most: int) -> str:
    """Head and tail of a text that is longer than `most` characters, and how long it was."""
    if len(text) <= most:
        return text
    head = most * 2 // 3
    return f"{text[:head]} [... {len(text):,} characters in all ...] {text[-(most - head) :]}"
