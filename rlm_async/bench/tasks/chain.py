"""A story that has to be followed from its first line to its last: more at once cannot help here.

The stories are those of bAbI's third task, one after the other, or made here; the gold answers come from
following them, which is checked against bAbI's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from rlm_async.bench.corpora import Corpora, stories
from rlm_async.bench.windows import Built, Question, Task, text_tokens
from rlm_async.core.context import Context

PEOPLE = ("Mary", "John", "Sandra", "Daniel")
PLACES = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
THINGS = ("apple", "football", "milk")
GOES = ("went to", "moved to", "travelled to", "journeyed to", "went back to")
TAKES = ("took", "got", "grabbed", "picked up")
LEAVES = ("left", "dropped", "discarded", "put down")
QUESTIONS = 3


def chain(corpora: Corpora) -> Task:
    """The task `babi_chain`."""
    source, told = stories(corpora.folder)

    def build(size: int, chance: Random) -> Built:
        facts: list[str] = []
        tokens = 0
        while tokens < size:
            more = chance.choice(told) if told else _made(chance, 60)
            facts.extend(more)
            tokens += text_tokens("\n".join(more)) + 1
        world = World()
        for fact in facts:
            world.hear(fact)
        known = [thing for thing in (*PEOPLE, *THINGS) if world.place(thing)]
        questions = tuple(
            Question(
                text=f"Where is {'' if thing in PEOPLE else 'the '}{thing} at the end of the story? "
                "The lines of the text are its facts, in order. Reply with 'Answer: PLACE'.",
                gold=world.place(thing),
                kind="exact",
                family="person" if thing in PEOPLE else "thing",
            )
            for thing in chance.sample(known, min(QUESTIONS, len(known)))
        )
        return Built(Context.of("\n".join(facts)), questions, Counter(facts))

    return Task(name="babi_chain", shape="a chain", sizes=(2_048, 8_192), build=build, data=source)


class World:
    """Who is where and holds what, as a story tells it: the reference that gold answers come from."""

    def __init__(self) -> None:
        """Know nothing."""
        self._at: dict[str, str] = {}
        self._holder: dict[str, str] = {}

    def hear(self, fact: str) -> None:
        """Take in one fact."""
        words = fact.rstrip(".").split()
        who, thing = words[0], words[-1] if words[-1] != "there" else words[-2]
        rest = " ".join(words[1:])
        if any(rest.startswith(verb) for verb in GOES):
            self._at[who] = thing
            for held, holder in self._holder.items():
                if holder == who:
                    self._at[held] = thing
        elif any(rest.startswith(verb) for verb in TAKES):
            self._holder[thing] = who
            if who in self._at:
                self._at[thing] = self._at[who]
        elif any(rest.startswith(verb) for verb in LEAVES):
            self._holder.pop(thing, None)
            if who in self._at:
                self._at[thing] = self._at[who]

    def place(self, thing: str) -> str:
        """Where a person or thing is; nothing where the story has not said it."""
        return self._at.get(thing, "")


def _made(chance: Random, count: int) -> Sequence[str]:
    """A story of our own in the same words: who holds nothing takes, who holds something may leave it."""
    facts: list[str] = []
    at: dict[str, str] = {}
    holder: dict[str, str] = {}
    for _ in range(count):
        who = chance.choice(PEOPLE)
        held = [thing for thing, owner in holder.items() if owner == who]
        lying = [thing for thing in THINGS if thing not in holder]
        drawn = chance.random()
        if who in at and held and drawn < 0.25:  # noqa: PLR2004 - shares of the three kinds of facts
            facts.append(f"{who} {chance.choice(LEAVES)} the {held[0]}.")
            del holder[held[0]]
        elif who in at and lying and drawn < 0.5:  # noqa: PLR2004 - as above
            thing = chance.choice(lying)
            facts.append(f"{who} {chance.choice(TAKES)} the {thing} there.")
            holder[thing] = who
        else:
            at[who] = chance.choice(PLACES)
            facts.append(f"{who} {chance.choice(GOES)} the {at[who]}.")
    return [*facts, *(f"{who} dropped the {thing}." for thing, who in holder.items())]
