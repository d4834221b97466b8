"""Where the items of the benchmarks come from: published data sets in a folder, or a small sample of our own.

A source is named by what was really read: its set, and a digest of its content. Nothing is copied into results.
"""

from __future__ import annotations

import ast
import csv
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from rlm_async.bench.windows import digest
from rlm_async.errors import ConfigError

COARSE: Mapping[str, str] = {
    "ABBR": "abbreviation",
    "ENTY": "entity",
    "HUM": "human being",
    "LOC": "location",
    "NUM": "numeric value",
    "DESC": "description and abstract concept",
}
"""TREC's coarse labels in OOLONG's words, in the order of their rules."""

INTENTS: Mapping[str, str] = {
    "card_arrival": "card arrival",
    "lost_or_stolen_card": "lost or stolen card",
    "exchange_rate": "exchange rate",
    "passcode_forgotten": "forgotten passcode",
    "top_up_failed": "top up failed",
    "cash_withdrawal_charge": "cash withdrawal charge",
}
"""The intents of BANKING77 that are used."""

BANKING = ("train.csv", "test.csv")
TREC = ("train_5500.label", "TREC_10.label")

QUESTION_LABELS = tuple(COARSE.values())


@dataclass(frozen=True, slots=True)
class Labelled:
    """A set of texts with one label each. `source` is `name@digest`."""

    source: str
    labels: tuple[str, ...]
    items: tuple[tuple[str, str], ...] = field(repr=False)
    """Text and label."""

    @property
    def by_label(self) -> dict[str, list[str]]:
        """The texts of each label."""
        table: dict[str, list[str]] = {label: [] for label in self.labels}
        for text, label in self.items:
            table[label].append(text)
        return table


def trec(folder: Path | None) -> Labelled:
    """Questions with TREC's coarse labels (Li and Roth, 2002), training and test part."""
    if folder is None:
        return _sampled("questions.tsv", QUESTION_LABELS)
    items = [(text, COARSE[label]) for part in TREC for label, _, text in trec_lines(folder, part)]
    return _set("trec", QUESTION_LABELS, items)


def trec_lines(folder: Path, part: str) -> Iterator[tuple[str, str, str]]:
    """Coarse label, fine label and text of each question of a part."""
    for line in _lines(folder / "trec" / part, "latin-1"):
        label, _, text = line.partition(" ")
        coarse, _, fine = label.partition(":")
        yield coarse, fine, " ".join(text.split())


def messages(folder: Path | None) -> Labelled:
    """Text messages, wanted or not (Almeida and Gómez Hidalgo, SMS Spam Collection)."""
    if folder is None:
        return _sampled("messages.tsv", ("spam", "ham"))
    lines = _lines(folder / "sms_spam" / "SMSSpamCollection")
    pairs = (line.partition("\t") for line in lines if line.strip())
    return _set("sms_spam", ("spam", "ham"), [(" ".join(text.split()), label) for label, _, text in pairs])


def requests(folder: Path | None) -> Labelled:
    """Requests to a bank of six intents (BANKING77, Casanueva et al., 2020)."""
    labels = tuple(INTENTS.values())
    if folder is None:
        return _sampled("requests.tsv", labels)
    rows = [row for part in BANKING for row in csv.DictReader(_lines(folder / "banking77" / part))]
    used = [row for row in rows if row["category"] in INTENTS]
    items = [(" ".join(row["text"].split()), INTENTS[row["category"]]) for row in used]
    return _set("banking77", labels, items)


@dataclass(frozen=True, slots=True)
class Contracts:
    """Contracts with their clauses. `spans` are the passages that hold a clause."""

    source: str
    texts: Mapping[str, str] = field(repr=False)
    clauses: Mapping[str, Mapping[str, bool]] = field(repr=False)
    laws: Mapping[str, str] = field(repr=False)
    spans: Mapping[str, Mapping[str, tuple[str, ...]]] = field(repr=False)


LAW = "Governing Law"


def cuad(folder: Path) -> Contracts:
    """The 510 contracts of CUAD (Hendrycks et al., 2021, CC BY 4.0): yes or no for 33 clauses, and the law."""
    place = folder / "cuad"
    paths = {_key(path.stem): path for path in sorted(_entries(place / "full_contract_txt"))}
    texts, clauses, laws, spans = {}, {}, {}, {}
    for row in csv.DictReader(_lines(place / "master_clauses.csv")):
        path = paths[_key(re.sub(r"(?i)\.pdf\W*$", "", row["Filename"]))]
        name = path.name
        texts[name] = path.read_text("utf-8", errors="replace")
        answers = {column[: -len("-Answer")]: value for column, value in row.items() if column.endswith("-Answer")}
        clauses[name] = {clause: value == "Yes" for clause, value in answers.items() if value in {"Yes", "No"}}
        laws[name] = answers[LAW].strip()
        held = [clause for clause, there in clauses[name].items() if there] + [LAW] * bool(laws[name])
        spans[name] = {clause: _spans(row[clause]) for clause in held}
    source = f"cuad@{digest(*(f'{name}{len(text)}' for name, text in sorted(texts.items())))}"
    return Contracts(source, texts, clauses, laws, spans)


def stories(folder: Path | None) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """The name of the source, and stories as lists of facts: of bAbI's third task, or empty for our own to be made."""
    if folder is None:
        return "sample@made", ()
    made: list[list[str]] = []
    for name in ("train", "test"):
        for number, fact, answer in babi(folder, 3, name):
            if number == 1:
                made.append([])
            if answer is None:
                made[-1].append(fact)
    return f"babi@{digest(*(fact for story in made for fact in story))}", tuple(map(tuple, made))


def babi(folder: Path, task: int, part: str) -> Iterator[tuple[int, str, str | None]]:
    """The lines of one of bAbI's tasks (Weston et al., 2015): number in its story, fact or question, answer."""
    (path,) = (
        path for path in _entries(folder / "babi" / "en") if path.name.startswith(f"qa{task}_") and part in path.name
    )
    for line in _lines(path):
        number, _, rest = line.partition(" ")
        fact, *answered = rest.split("\t")
        yield int(number), fact.strip(), answered[0].strip() if answered else None


def sentences(folder: Path | None) -> tuple[str, tuple[str, ...]]:
    """The name of the source, and sentences to hide something among: of XQuAD's paragraphs, or our own."""
    if folder is None:
        found: Sequence[str] = _sample("filler.txt").splitlines()
        return f"sample@{digest(*found)}", tuple(found)
    data = json.loads("\n".join(_lines(folder / "xquad" / "xquad.en.json")))
    texts = [paragraph["context"] for article in data["data"] for paragraph in article["paragraphs"]]
    found = [sentence for text in texts for sentence in re.split(r"(?<=[.!?])\s+", text) if len(sentence) > 30]  # noqa: PLR2004 - shorter ones are rests of abbreviations
    return f"xquad@{digest(*found)}", tuple(found)


@dataclass(frozen=True, slots=True)
class Corpora:
    """The sources of all tasks, read when first asked for."""

    folder: Path | None

    def __post_init__(self) -> None:
        """Raise ConfigError for a folder that is not there."""
        if self.folder is not None and not self.folder.is_dir():
            raise ConfigError(
                f"--data-dir {self.folder}: there is no such folder; leave it out for our own small sample"
            )

    def labelled(self, read: Callable[[Path | None], Labelled]) -> Labelled:
        """A labelled set, from the folder or the sample."""
        return read(self.folder)


def _set(name: str, labels: tuple[str, ...], items: Sequence[tuple[str, str]]) -> Labelled:
    kept: dict[str, str] = {}
    for text, label in items:
        kept.setdefault(text, label)  # a text that stands twice, with two labels, has the first one
    content = digest(*(f"{label} {text}" for text, label in items))
    return Labelled(f"{name}@{content}", labels, tuple(kept.items()))


def _sampled(name: str, labels: tuple[str, ...]) -> Labelled:
    pairs = [line.split("\t") for line in _sample(name).splitlines()]
    return _set("sample", labels, [(text, label) for label, text in pairs])


def _sample(name: str) -> str:
    return (files("rlm_async.bench") / "sample" / name).read_text("utf-8")


def _lines(path: Path, encoding: str = "utf-8") -> list[str]:
    try:
        return path.read_text(encoding).splitlines()
    except OSError as error:
        raise ConfigError(f"--data-dir: cannot read {path}: {error.strerror}") from error


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(f"--data-dir: there is no folder {folder}")
    return list(folder.iterdir())


def _key(stem: str) -> str:
    """A file's name as both lists have it, whatever became of its accents and marks."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", plain)


def _spans(cell: str) -> tuple[str, ...]:
    """The passages in a cell that holds a Python list of strings."""
    try:
        made = ast.literal_eval(cell)
    except (ValueError, SyntaxError):
        return (cell,) if cell else ()
    return tuple(str(span) for span in made) if isinstance(made, list) else ()
