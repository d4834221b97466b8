"""Questions over a corpus of contracts: which hold two clauses, how many hold one and not another, whose law.

With CUAD these are real contracts; without it, small ones made of clauses of our own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from rlm_async.bench.corpora import LAW, Contracts, Corpora, cuad
from rlm_async.bench.sim.knowledge import Knowledge, anchor, letters
from rlm_async.bench.windows import Built, Question, Task, digest
from rlm_async.core.context import Context, Document

QUESTIONS = 4
BOTH = (
    ("Exclusivity", "Termination For Convenience"),
    ("Non-Compete", "Cap On Liability"),
    ("Change Of Control", "Uncapped Liability"),
)
WITHOUT = (("Audit Rights", "Insurance"), ("Exclusivity", "Source Code Escrow"))
LAWS = ("New York", "California", "Delaware")
SHORTEST = 10

CLAUSES = {
    "Exclusivity": "During the term the Supplier shall sell the Goods to the Buyer only, and to nobody else.",
    "Non-Compete": "For two years the Dealer shall not run or fund a shop that sells goods of the same kind.",
    "Termination For Convenience": "Either party may end this agreement at any time, by sixty days' notice.",
    "Change Of Control": "If most shares of a party pass to another owner, the other party may end this agreement.",
    "Uncapped Liability": "Nothing in this agreement limits what a party owes for a breach of confidence.",
    "Cap On Liability": "Neither party owes the other more than the fees paid in the twelve months before the claim.",
    "Audit Rights": "Once a year the Buyer may look into the books that concern this agreement.",
    "Insurance": "The Supplier shall keep insurance of at least one million dollars for each event.",
    "Source Code Escrow": "The Vendor lays down the source code with a trustee, who hands it over if it closes.",
}
PADDING = (
    "Notices are given in writing and reach the other party three days after they were posted.",
    "The headings of this agreement are for convenience and have no meaning of their own.",
    "If a part of this agreement is void, the other parts stand.",
    "A party that is hindered by storm, strike or war is excused for as long as this lasts.",
    "The parties remain independent, and neither acts for the other.",
    "Payment is due thirty days after the date of the invoice, in United States dollars.",
)


def contracts(corpora: Corpora) -> tuple[Task, Knowledge]:
    """The task `cuad_corpus`, and what the simulated model may know of its contracts."""
    source = made(Random("contracts")) if corpora.folder is None else cuad(corpora.folder)

    def build(size: int, chance: Random) -> Built:
        names = sorted(chance.sample(sorted(source.texts), min(size, len(source.texts))))
        context = Context(tuple(Document(name, source.texts[name]) for name in names), "corpus")
        lines = Counter(line.strip() for name in names for line in source.texts[name].splitlines())
        return Built(
            context, questions(source, names, chance), {line: n for line, n in lines.items() if len(line) > SHORTEST}
        )

    sizes = (10, 50) if corpora.folder is None else (10, 50, 200, 510)
    task = Task(
        name="cuad_corpus",
        shape="documents, then clauses",
        sizes=sizes,
        build=build,
        measured=False,
        data=source.source,
    )
    return task, knowledge(source)


def questions(source: Contracts, names: Sequence[str], chance: Random) -> tuple[Question, ...]:
    """Two sets, a count, and a law."""
    asked = [both(source, names, *pair) for pair in chance.sample(BOTH, 2)]
    asked.append(without(source, names, *chance.choice(WITHOUT)))
    asked.append(law(source, names, chance.choice(LAWS)))
    return tuple(asked)


def both(source: Contracts, names: Sequence[str], first: str, second: str) -> Question:
    """Which contracts hold two clauses."""
    held = [name for name in names if source.clauses[name].get(first) and source.clauses[name].get(second)]
    text = (
        f"Which contracts have both the clause '{first}' and the clause '{second}'? "
        "Reply with 'Answer:' and then one file name a line."
    )
    return Question(text=text, gold="\n".join(held), kind="set", family="both")


def without(source: Contracts, names: Sequence[str], first: str, second: str) -> Question:
    """How many hold one clause and not another."""
    count = sum(bool(source.clauses[name].get(first)) and not source.clauses[name].get(second) for name in names)
    text = f"How many contracts have the clause '{first}' and not the clause '{second}'? Reply with 'Answer: NUMBER'."
    return Question(text=text, gold=str(count), kind="number", family="without")


def law(source: Contracts, names: Sequence[str], place: str) -> Question:
    """How many are governed by one law."""
    count = sum(source.laws[name] == place for name in names)
    text = f"How many contracts are governed by the law of '{place}'? Reply with 'Answer: NUMBER'."
    return Question(text=text, gold=str(count), kind="number", family="law")


def knowledge(source: Contracts) -> Knowledge:
    """Each clause by the passages that hold it, where the text has them; else by the contract's beginning."""
    clauses: dict[str, dict[str, tuple[str, ...]]] = {}
    laws: dict[str, tuple[str, tuple[str, ...]]] = {}
    for name, text in source.texts.items():
        known = letters(text)
        found = {clause: _anchors(spans, known) for clause, spans in source.spans[name].items()}
        laws[name] = (source.laws[name], found.pop(LAW, ()))
        clauses[name] = found
    return Knowledge(clauses=clauses, laws=laws)


def made(chance: Random, count: int = 60) -> Contracts:
    """Contracts of our own: sixty, of one to four thousand words."""
    texts, clauses, laws, spans = {}, {}, {}, {}
    for number in range(count):
        name = f"agreement-{number:02}.txt"
        held = {clause: chance.random() < 0.35 for clause in CLAUSES}  # noqa: PLR2004 - the share of clauses that are there
        place = chance.choice((*LAWS, "Texas"))
        said = f"This agreement is read under the laws of the State of {place}, without its rules on conflicts."
        parts = [CLAUSES[clause] for clause, there in held.items() if there] + [said]
        parts += chance.choices(PADDING, k=chance.randrange(30, 120))
        chance.shuffle(parts)
        head = f"AGREEMENT NUMBER {number} between the Harbour Company and the House of Merchants."
        texts[name] = "\n".join([head, *(f"{i + 1}. {part}" for i, part in enumerate(parts))])
        clauses[name], laws[name] = held, place
        spans[name] = {clause: (CLAUSES[clause],) for clause, there in held.items() if there} | {LAW: (said,)}
    return Contracts(f"sample@{digest(*texts.values())}", texts, clauses, laws, spans)


def _anchors(spans: Sequence[str], known: str) -> tuple[str, ...]:
    marks = [mark for span in spans if (mark := anchor(span)) and mark in known]
    return tuple(dict.fromkeys(marks)) or (known[:40],)
