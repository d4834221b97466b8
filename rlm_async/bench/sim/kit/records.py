"""Reading records of four formats, asking for their labels, and working an answer out of labelled records."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from rlm_async.bench.sim.plan import Condition, Plan

Record = tuple[str, str, str]
"""Date (ISO 8601), user, text."""
Labelled = tuple[str, str, str, str | None]
"""Folder, date, user, label."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FORMATS = ("line", "jsonl", "csv", "log")


def iso(date: str) -> str:
    """`Apr 18, 2022` as `2022-04-18`."""
    month, day, year = date.replace(",", "").split()
    return f"{year}-{MONTHS.index(month) + 1:02}-{int(day):02}"


def record_in(line: str, formats: Sequence[str] = FORMATS) -> Record | None:
    """(date, user, text) of a line in one of the formats; None where it is in none."""
    if line.startswith("Date: ") and "line" in formats:
        head, mark, text = line.partition(" || Instance: ")
        date, _, user = head.partition(" || User: ")
        return (iso(date[6:]), user, text) if mark else None
    if line.startswith('{"when"') and "jsonl" in formats:
        made = json.loads(line)
        return made["when"], made["from"], made["text"]
    if line.startswith("[") and "log" in formats:
        found = re.match(r"\[(\d{4}-\d\d-\d\d)\] <(\w+)> (.*)", line)
        return (found[1], found[2], found[3]) if found else None
    if line[:2] == "20" and "csv" in formats:
        found = re.match(r'(\d{4}-\d\d-\d\d);(\w+);"(.*)"$', line)
        return (found[1], found[2], found[3].replace('""', '"')) if found else None
    return None


def read_records(documents: Mapping[str, str], formats: Sequence[str] = FORMATS) -> list[tuple[str, str, str, str]]:
    """(folder, date, user, text) of every record of a dict of documents, in order."""
    records: list[tuple[str, str, str, str]] = []
    for name, text in documents.items():
        folder = name.rpartition("/")[0]
        for line in text.splitlines():
            record = record_in(line, formats)
            if record is not None:
                records.append((folder, *record))
    return records


def label_prompt(texts: Sequence[str], labels: Sequence[str]) -> str:
    """What one completion is asked about some texts."""
    rows = "\n".join(f"{i + 1}. {text}" for i, text in enumerate(texts))
    return (
        f"{rows}\n\nLabel each numbered text with one of: {', '.join(labels)}. "
        "Reply with one line 'number: label' for each text, and nothing else."
    )


def read_labels(reply: object, count: int, labels: Sequence[str]) -> list[str | None]:
    """The labels in a reply, in order; None for each that is missing."""
    known = {label.lower(): label for label in labels}
    found: dict[int, str | None] = {}
    for number, label in re.findall(r"(?m)^\s*(\d+)\s*[:.)]\s*(.+?)\s*$", str(reply)):
        found[int(number)] = known.get(label.strip("'\"*. ").lower())
    return [found.get(i + 1) for i in range(count)]


def read_list(reply: object, labels: Sequence[str]) -> list[str | None]:
    """The labels in a JSON list, as a child replies."""
    try:
        said = json.loads(reply) if isinstance(reply, str) else reply
    except ValueError:
        return []
    return [label if label in labels else None for label in said] if isinstance(said, list) else []


def chosen(plan: Plan, records: Sequence[Labelled]) -> list[Labelled]:
    """The records that a question is about: (folder, date, user, label)."""
    users, before, since = plan.get("users"), plan.get("before"), plan.get("since")
    kept = []
    for folder, date, user, label in records:
        inside = (not users or user in users) and (not before or date < before) and (not since or date >= since)
        if inside:
            kept.append((folder, date, user, label))
    return kept


def compared(first: int, second: int) -> str:
    """Two counts, in words."""
    if first == second:
        return "as common as"
    return "more common than" if first > second else "less common than"


def holds(condition: Sequence[Condition], counts: Mapping[str | None, int]) -> bool:
    """Whether a user's counts of labels meet every (`at least` or `exactly`, number, label)."""
    return all(
        counts[label] == number if how == "exactly" else counts[label] >= number for how, number, label in condition
    )


def pairs_of(plan: Plan, records: Sequence[Labelled]) -> list[tuple[str, str]]:
    """Pairs of users, the smaller id first, that meet a predicate of OOLONG-Pairs."""
    counts: dict[str, Counter[str | None]] = {}
    late = set()
    for _, date, user, label in records:
        counts.setdefault(user, Counter())[label] += 1
        if label == plan.get("dated"):
            kept = date > plan["day"] if plan["side"] == "after" else date < plan["day"]
            if not kept:
                late.add(user)
    users = sorted(counts, key=int)
    if "any" in plan:
        good = [user for user in users if user not in late and any(counts[user][label] for label in plan["any"])]
        return [(a, b) for i, a in enumerate(good) for b in good[i + 1 :]]
    ones = [holds(plan["one"], counts[user]) for user in users]
    others = [holds(plan["others"], counts[user]) for user in users]
    numbers = range(len(users))
    found = [(i, j) for i in numbers for j in numbers[i + 1 :] if (ones[i] and others[j]) or (ones[j] and others[i])]
    return [(users[i], users[j]) for i, j in found]


def first_of(counts: Mapping[str, int], keys: Sequence[str], *, least: bool = False) -> str:
    """The key with the highest count, or the lowest; the earliest of equals."""
    return min(keys, key=lambda key: (counts[key] if least else -counts[key], keys.index(key)))


def reduce_records(plan: Plan, records: Sequence[Labelled]) -> str:
    """The answer to a question about labelled records, in order."""
    if plan["family"] == "labels":
        return json.dumps([row[3] for row in records])
    if plan["family"] == "pairs":
        return "Answer:\n" + "\n".join(f"({a}, {b})" for a, b in pairs_of(plan, records))
    return "Answer: " + counted(plan, chosen(plan, records))


def counted(plan: Plan, rows: Sequence[Labelled]) -> str:
    """The answer to a question that counts."""
    family, label = plan["family"], plan.get("label")
    counts = Counter(row[3] for row in rows if row[3])
    if family in ("most", "least"):
        return first_of(counts, plan["labels"], least=family == "least")
    if family == "compare":
        return compared(counts[plan["label"]], counts[plan["other"]])
    if family == "sides":
        early = sum(row[3] == label and row[1] < plan["day"] for row in rows)
        return compared(early, counts[plan["label"]] - early)
    if family == "who":
        return first_of(Counter(row[2] for row in rows if row[3] == label), plan["users"])
    return in_folders(plan, rows) if family in ("folder", "folders") else str(counts[plan["label"]])


def in_folders(plan: Plan, rows: Sequence[Labelled]) -> str:
    """The folder with most records of a label, or in how many folders it leads."""
    folders = list(dict.fromkeys(row[0] for row in rows))
    by_folder = {folder: Counter(row[3] for row in rows if row[0] == folder) for folder in folders}
    owned = {folder: by_folder[folder][plan["label"]] for folder in folders}
    if plan["family"] == "folder":
        return first_of(owned, folders) if folders else "none"
    leading = [folder for folder in folders if owned[folder] and owned[folder] == max(by_folder[folder].values())]
    return str(len(leading))
