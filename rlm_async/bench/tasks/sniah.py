"""One needle in a haystack, and RULER's variants with several keys or several values (Hsieh et al., RULER, 2024)."""

from __future__ import annotations

from collections import Counter
from random import Random

from rlm_async.bench.corpora import Corpora, sentences
from rlm_async.bench.windows import Built, Question, Task, text_tokens
from rlm_async.core.context import Context

ADJECTIVES = ("amber", "brisk", "calm", "dusty", "early", "faded", "grand", "hollow", "ivory", "jolly", "keen", "lucid")
NOUNS = ("anchor", "basket", "candle", "drum", "engine", "fiddle", "garden", "harbour", "island", "jacket", "kettle")
DISTRACTORS = 12
VALUES = 4
LINE_SENTENCES = 4


def sniah(corpora: Corpora) -> Task:
    """The task `sniah`: one key with one number, one of many keys, all numbers of one key."""
    source, filler = sentences(corpora.folder)
    size_of = {sentence: text_tokens(sentence) for sentence in filler}

    def build(size: int, chance: Random) -> Built:
        keys = _keys(chance, DISTRACTORS + 2)
        needles = [(key, _number(chance)) for key in keys[:-1]]
        several = [(keys[-1], _number(chance)) for _ in range(VALUES)]
        lines = _haystack(size, size_of, chance)
        for key, number in needles + several:
            lines.insert(chance.randrange(len(lines) + 1), f"One of the special magic numbers for {key} is: {number}.")
        (one, gold), (other, gold_of_other) = needles[0], needles[1]
        questions = (
            Question(text=_asked(one), gold=gold, kind="exact", family="single"),
            Question(text=_asked(other), gold=gold_of_other, kind="exact", family="multi-key"),
            Question(
                text=f"What are all the special magic numbers for {keys[-1]} in the text? "
                "Reply with 'Answer: ' and the numbers, with commas between them.",
                gold=", ".join(number for _, number in several),
                kind="set",
                family="multi-value",
            ),
        )
        return Built(Context.of("\n".join(lines)), questions, Counter(lines))

    return Task(name="sniah", shape="one line", sizes=(8_192, 131_072, 1_048_576), build=build, data=source)


def _asked(key: str) -> str:
    return f"What is the special magic number for {key} in the text? Reply with 'Answer: NUMBER'."


def _keys(chance: Random, count: int) -> list[str]:
    made = [f"{adjective}-{noun}" for adjective in ADJECTIVES for noun in NOUNS]
    return chance.sample(made, count)


def _number(chance: Random) -> str:
    return str(chance.randrange(1_000_000, 9_999_999))


def _haystack(size: int, size_of: dict[str, int], chance: Random) -> list[str]:
    sentences_ = list(size_of)
    lines: list[str] = []
    held = 0
    while held < size:
        drawn = chance.choices(sentences_, k=LINE_SENTENCES)
        lines.append(" ".join(drawn))
        held += sum(size_of[sentence] for sentence in drawn)
    return lines
