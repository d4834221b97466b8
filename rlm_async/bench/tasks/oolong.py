"""OOLONG over TREC questions: label every line, then count, compare, and look at users and times.

After Bertsch et al., OOLONG (synthetic part); lines and their number as published, questions in our words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

from rlm_async.bench.corpora import Corpora, Labelled, trec
from rlm_async.bench.tasks.lines import DAYS, FIRST, Line, count_for, drawn, preamble, units, written
from rlm_async.bench.windows import Built, Question, Task
from rlm_async.core.context import Context

QUESTIONS = 8
SIZES = (8_192, 32_768, 131_072)
NUMBER = "Reply with 'Answer: NUMBER'."
LABEL = "Reply with 'Answer: LABEL'."
COMPARED = "Reply with 'Answer: more common than', 'Answer: less common than' or 'Answer: as common as'."
TRIES = 40

Asking = Callable[[Sequence[Line], Labelled, Random], Question | None]


def oolong(corpora: Corpora) -> Task:
    """The task `oolong_trec`."""
    source = corpora.labelled(trec)

    def build(size: int, chance: Random) -> Built:
        lines = drawn(source, count_for(size), chance)
        context = Context.of("\n".join(written(line) for line in lines))
        return Built(context, questions(lines, source, chance), units(lines))

    return Task(name="oolong_trec", shape="map, then count", sizes=SIZES, build=build, data=source.source)


def questions(lines: Sequence[Line], source: Labelled, chance: Random, count: int = QUESTIONS) -> tuple[Question, ...]:
    """One question of each family, in turn; a question whose answer is a tie is drawn again."""
    made: list[Question] = []
    for asking in (_most, _count, _compare, _least, _of_user, _sides, _who, _count_since)[:count]:
        for _ in range(TRIES):
            question = asking(lines, source, chance)
            if question is not None:
                made.append(question)
                break
    return tuple(made)


def _most(lines: Sequence[Line], source: Labelled, chance: Random) -> Question | None:  # noqa: ARG001 - one shape for all families
    (first, most), (_, second) = Counter({label: _labelled(lines, label) for label in source.labels}).most_common(2)
    text = f"{preamble(source.labels)}Which label do most lines have? {LABEL}"
    return None if most == second else Question(text=text, gold=first, kind="exact", family="most")


def _least(lines: Sequence[Line], source: Labelled, chance: Random) -> Question | None:  # noqa: ARG001 - one shape for all families
    ordered = Counter({label: _labelled(lines, label) for label in source.labels}).most_common()
    text = f"{preamble(source.labels)}Which label do fewest lines have? {LABEL}"
    return (
        None
        if ordered[-1][1] == ordered[-2][1]
        else Question(text=text, gold=ordered[-1][0], kind="exact", family="least")
    )


def _count(lines: Sequence[Line], source: Labelled, chance: Random) -> Question:
    label = chance.choice(source.labels)
    text = f"{preamble(source.labels)}How many lines have the label '{label}'? {NUMBER}"
    return Question(text=text, gold=str(_labelled(lines, label)), kind="number", family="count")


def _compare(lines: Sequence[Line], source: Labelled, chance: Random) -> Question:
    one, other = chance.sample(source.labels, 2)
    text = (
        f"{preamble(source.labels)}Is the label '{one}' more common than, less common than, or as common as the label "
        f"'{other}'? {COMPARED}"
    )
    gold = _compared(_labelled(lines, one), _labelled(lines, other))
    return Question(text=text, gold=gold, kind="exact", family="compare")


def _of_user(lines: Sequence[Line], source: Labelled, chance: Random) -> Question:
    user, label = chance.choice(lines).user, chance.choice(source.labels)
    text = f"{preamble(source.labels)}How many lines of the user {user} have the label '{label}'? {NUMBER}"
    gold = _labelled([line for line in lines if line.user == user], label)
    return Question(text=text, gold=str(gold), kind="number", family="user")


def _who(lines: Sequence[Line], source: Labelled, chance: Random) -> Question | None:
    busiest = [user for user, _ in Counter(line.user for line in lines).most_common(12)]
    users, label = chance.sample(busiest, min(3, len(busiest))), chance.choice(source.labels)
    owned = Counter({user: sum(line.user == user and line.label == label for line in lines) for user in users})
    (first, most), (_, second) = owned.most_common(2)
    text = (
        f"{preamble(source.labels)}Which of the users {', '.join(users)} has the most lines with the label '{label}'? "
        "Reply with 'Answer: USER'."
    )
    return None if most == second else Question(text=text, gold=first, kind="exact", family="user")


def _sides(lines: Sequence[Line], source: Labelled, chance: Random) -> Question:
    label, day = chance.choice(source.labels), FIRST + timedelta(days=chance.randrange(DAYS // 4, 3 * DAYS // 4))
    early = sum(line.label == label and line.day < day for line in lines)
    text = (
        f"{preamble(source.labels)}Is the label '{label}' more common than, less common than, or as common as "
        f"itself if its count in the lines before {day} is compared with its count from that day on? {COMPARED}"
    )
    return Question(text=text, gold=_compared(early, _labelled(lines, label) - early), kind="exact", family="timeline")


def _count_since(lines: Sequence[Line], source: Labelled, chance: Random) -> Question:
    label, day = chance.choice(source.labels), FIRST + timedelta(days=chance.randrange(DAYS // 4, 3 * DAYS // 4))
    text = f"{preamble(source.labels)}How many lines with the label '{label}' are dated from {day} on? {NUMBER}"
    gold = _labelled([line for line in lines if line.day >= day], label)
    return Question(text=text, gold=str(gold), kind="number", family="timeline")


def _labelled(lines: Sequence[Line], label: str) -> int:
    return sum(line.label == label for line in lines)


def _compared(first: int, second: int) -> str:
    if first == second:
        return "as common as"
    return "more common than" if first > second else "less common than"
