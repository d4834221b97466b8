"""Samples: a node's turns as conversations, with a mark on each message that the model wrote and is to learn.

Turns are joined as long as each prompt is the one before, its reply, and something new. Where it is not (the
history was folded, reasoning was not kept, a last turn is written anew) the next sample begins: its prompt
is what the model was really shown then, and what that prompt repeats of earlier replies is not learned twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rlm_async.core.data import canonical
from rlm_async.core.messages import Message
from rlm_async.core.moment import timeless
from rlm_async.export.tree import NodeStory, Tree, Turn


@dataclass(frozen=True, slots=True)
class Said:
    """One message after the prompt; `written` where the model wrote it and is to learn it."""

    message: Message
    written: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A prompt and what followed: part `part` of `parts` of a node. Ends with a reply."""

    tree: Tree
    node: NodeStory
    part: int
    parts: int
    prompt: tuple[Message, ...]
    said: tuple[Said, ...]
    turns: tuple[Turn, ...]

    @property
    def id(self) -> str:
        """Run, place and part."""
        part = f"#{self.part}" if self.parts > 1 else ""
        return f"{self.tree.record.run}/{self.node.name}{part}"

    @property
    def prompt_key(self) -> str:
        """Equal for prompts that are equal, but for what they tell of the moment. BLAKE2b-128."""
        return key_of(self.prompt)

    @property
    def model(self) -> str:
        """That wrote it."""
        return self.turns[-1].model

    @property
    def written(self) -> str:
        """All that is learned, for a look whether two samples say the same."""
        return "\0".join(said.message.text for said in self.said if said.written)

    @property
    def learnable(self) -> bool:
        """Whether anything in it is the model's to learn."""
        return any(said.written for said in self.said)


def key_of(messages: Sequence[Message]) -> str:
    """A prompt's name, whatever is left to spend."""
    parts = [[message.role, timeless(message.text)] for message in messages]
    return hashlib.blake2b(canonical(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def samples(tree: Tree, node: NodeStory, *, joined: bool) -> list[Sample]:
    """The samples of a node; not joined, each turn is one."""
    runs = list(_stretches(node.turns)) if joined else [[turn] for turn in node.turns]
    return [
        Sample(
            tree=tree,
            node=node,
            part=part,
            parts=len(runs),
            prompt=turns[0].messages,
            said=tuple(_said(turns)),
            turns=tuple(turns),
        )
        for part, turns in enumerate(runs)
    ]


def _stretches(turns: Sequence[Turn]) -> Iterator[list[Turn]]:
    stretch: list[Turn] = []
    for turn in turns:
        if stretch and not follows(stretch[-1], turn):
            yield stretch
            stretch = []
        stretch.append(turn)
    if stretch:
        yield stretch


def follows(one: Turn, other: Turn) -> bool:
    """Whether a prompt is the one before, its reply as it was written, and something new."""
    known = (*one.messages, Message("assistant", one.reply))
    return one.model == other.model and len(other.messages) > len(known) and other.messages[: len(known)] == known


def _said(turns: Sequence[Turn]) -> Iterator[Said]:
    shown = len(turns[0].messages)
    for turn in turns:
        for message in turn.messages[shown:]:
            yield Said(message, written=False)
        # A reply that was cut is no example of how to end one
        yield Said(Message("assistant", turn.reply), written=not turn.cut and bool(turn.reply))
        shown = len(turn.messages) + 1
