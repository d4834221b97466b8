"""Folders of different data in different formats: nothing holds for all of them, so each wants a reader of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from rlm_async.bench.corpora import Corpora, Labelled, messages, requests, trec
from rlm_async.bench.sim.kit.records import FORMATS
from rlm_async.bench.tasks.lines import Line, drawn, units, written
from rlm_async.bench.windows import Built, Question, Task
from rlm_async.core.context import Context, Document

LEAST, MOST = 60, 160
"""Records in a folder."""
SUFFIX = {"line": "txt", "jsonl": "jsonl", "csv": "csv", "log": "log"}


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder: what its records are of, and how they are written."""

    name: str
    source: Labelled
    form: str
    lines: Sequence[Line]

    @property
    def counts(self) -> Counter[str]:
        """How many records each label has."""
        return Counter(line.label for line in self.lines)


def nested(corpora: Corpora) -> Task:
    """The task `nested_oolong`; its size is the number of folders."""
    sources = [corpora.labelled(read) for read in (trec, messages, requests)]

    def build(size: int, chance: Random) -> Built:
        folders = [
            _folder(number, sources[number % 3], FORMATS[chance.randrange(len(FORMATS))], chance)
            for number in range(size)
        ]
        documents = tuple(
            Document(f"{f.name}/records.{SUFFIX[f.form]}", "\n".join(written(line, f.form) for line in f.lines))
            for f in folders
        )
        lines = [line for f in folders for line in f.lines]
        return Built(Context(documents, "corpus"), questions(folders, chance), units(lines))

    source = "+".join(source.source for source in sources)
    return Task(
        name="nested_oolong", shape="folders, then records", sizes=(4, 16, 32), build=build, measured=False, data=source
    )


def questions(folders: Sequence[Folder], chance: Random) -> tuple[Question, ...]:
    """The folder with most of a label, how many folders a label leads in, how many records have it."""
    sources = list({folder.source.source: folder.source for folder in folders}.values())
    labels = [label for source in sources for label in source.labels]
    begins = (
        "The input is a folder of folders, each with one file of records; formats differ, and the records are "
        "questions, messages or requests to a bank. Each record has a date, a user and a text, and has one of these "
        f"labels, which is not written down: {', '.join(labels)}. "
    )
    asked = [_folder_of(folders, chance.sample(labels, len(labels)), begins)]
    label = chance.choice(labels)
    leading = sum(
        folder.counts[label] > 0 and folder.counts[label] == max(folder.counts.values()) for folder in folders
    )
    asked.append(
        Question(
            text=f"{begins}In how many folders is '{label}' the most common label? Reply with 'Answer: NUMBER'.",
            gold=str(leading),
            kind="number",
            family="folders",
        )
    )
    label = chance.choice(labels)
    asked.append(
        Question(
            text=f"{begins}How many records have the label '{label}'? Reply with 'Answer: NUMBER'.",
            gold=str(sum(folder.counts[label] for folder in folders)),
            kind="number",
            family="records",
        )
    )
    return tuple(asked)


def _folder_of(folders: Sequence[Folder], labels: Sequence[str], begins: str) -> Question:
    """Of the labels in turn the first one of which some folder has more than all others."""
    for label in labels:
        ordered = sorted(folders, key=lambda folder: -folder.counts[label])
        if ordered[0].counts[label] > ordered[1].counts[label]:
            text = f"{begins}Which folder has the most records with the label '{label}'? Reply with 'Answer: FOLDER'."
            return Question(text=text, gold=ordered[0].name, kind="exact", family="folder")
    raise ValueError("no folder leads in any label")


def _folder(number: int, source: Labelled, form: str, chance: Random) -> Folder:
    lines = drawn(source, chance.randrange(LEAST, MOST), chance)
    return Folder(f"{number:02}", source, form, lines)


def labels_of(sources: Sequence[Labelled]) -> Mapping[str, str]:
    """Every text with its label, for the simulated model."""
    return {text: label for source in sources for text, label in source.items}
