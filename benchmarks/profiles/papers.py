"""Papers: sentences of XQuAD's paragraphs (or our own) as their bodies, works cited in a form that differs by paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from benchmarks.profiles.asking import NAMES, by_pieces, known, place
from benchmarks.profiles.trial import Case
from rlm_async.bench.corpora import sentences
from rlm_async.core.context import Context

SIZE = 20
PARTS = ("Introduction", "Related Work", "Method", "Results", "Discussion")
WORKS = tuple(
    (name, 1980 + 3 * i, topic)
    for i, (name, topic) in enumerate(
        (
            ("Abara", "Memory that forgets in order"),
            ("Brandt", "On counting without counting"),
            ("Castellanos", "A survey of slow clocks"),
            ("Duvall", "Trees that answer questions"),
            ("Eriksen", "Reading long rivers"),
            ("Fontaine", "Errors and their shapes"),
            ("Grigore", "The price of asking twice"),
            ("Hamada", "Walls made of numbers"),
            ("Ibsen", "Letters as evidence"),
            ("Jovanovic", "What a sample leaves out"),
        )
    )
)


def cases(data: Path | None, windows: int) -> Iterator[Case]:
    """Which papers cite a work in their results: the key stands there, the name stands in the list."""
    _, body = sentences(data)
    for seed in range(windows):
        chance = Random(f"profiles/research/{seed}")
        texts, cited = {}, {}
        for number in range(SIZE):
            name = f"paper-{seed}{number:02}.txt"
            texts[name], cited[name] = paper(number, body, chance)
        for author, year, topic in chance.sample(WORKS, 3):
            thing = f"it cites {author} ({year}) in its results"
            held = {name: places[author] for name, places in cited.items() if author in places}
            yield Case(
                window=seed,
                family="cited",
                context=Context.of(texts),
                question=f"Which papers cite {author} ({year}), {topic}, in the section Results? "
                "Reply with 'Answer:' and then one name a line.",
                gold="\n".join(held),
                kind="set",
                knowledge=known({name: {thing: (place(texts[name], at),)} for name, at in held.items()}),
                programs={"without": by_pieces(thing), "with": written(author, year)},
            )


def written(author: str, year: int) -> str:
    return f"""names = []
for name in context:
    keys = {{r["key"] for r in references(name) if {author!r} in r["text"] and r["year"] == {str(year)!r}}}
    if any(c["key"] in keys and c["section"].endswith("Results") for c in citations(name)):
        names.append(name)
{NAMES}"""


def paper(number: int, body: tuple[str, ...], chance: Random) -> tuple[str, dict[str, int]]:
    """A paper, and where each work stands in its results."""
    works = chance.sample(WORKS, 6)
    keys = {work[0]: f"{work[0].lower()}{work[1]}" if number % 2 else str(i + 1) for i, work in enumerate(works)}
    text = f"Paper number {number}\n\nAbstract\n\n{chance.choice(body)}\n"
    places: dict[str, int] = {}
    for i, part in enumerate(PARTS):
        text += f"\n{i + 1} {part}\n\n"
        for sentence in chance.sample(body, min(12, len(body))):
            text += sentence.rstrip(".")
            if chance.random() < 0.2:
                work = chance.choice(works)[0]
                if part == "Results":
                    places.setdefault(work, len(text) - len(sentence))
                text += f" [@{keys[work]}]" if number % 2 else f" [{keys[work]}]"
            text += ". "
    text += "\n\nReferences\n\n"
    for work, year, topic in works:
        text += f"[{keys[work]}] {work}, K. {topic}. Journal of Long Inputs {chance.randrange(1, 40)}, {year}.\n"
    return text, places
