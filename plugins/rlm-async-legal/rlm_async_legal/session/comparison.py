"""In the session: two contracts clause by clause.

Part of the profile's preamble: it runs in the jail, before the model's first cell, behind what
`rlm_async.core.preamble` puts before it (`_texts`, `_chosen`, `_starts`, `_line`, `re`, `bisect`).
"""

import difflib


def compare(one, other):
    """Two contracts clause by clause: those of the same title (or else number) side by side, and what differs."""
    left, right = clauses(one), clauses(other)
    used, made = set(), []
    for clause in left:
        match = _counterpart(clause, right, used)
        if match is None:
            made.append({"title": clause["title"], "one": clause, "other": None, "alike": 0.0, "only": "one"})
            continue
        used.add(match["start"])
        words, others = clause["text"].split()[:2000], match["text"].split()[:2000]
        matcher = difflib.SequenceMatcher(None, words, others, autojunk=False)
        edits = [
            {"was": " ".join(words[a:b]), "is": " ".join(others[c:d])}
            for kind, a, b, c, d in matcher.get_opcodes()
            if kind != "equal"
        ]
        made.append({"title": clause["title"], "one": clause, "other": match, "alike": matcher.ratio(), "edits": edits})
    made += [
        {"title": clause["title"], "one": None, "other": clause, "alike": 0.0, "only": "other"}
        for clause in right
        if clause["start"] not in used
    ]
    return made


def _counterpart(clause, among, used):
    free = [other for other in among if other["start"] not in used]
    if clause["title"]:
        same = [other for other in free if other["title"].lower() == clause["title"].lower()]
        if same:
            return same[0]
    untitled = [other for other in free if other["number"] == clause["number"]]
    return next((other for other in untitled if not clause["title"] or not other["title"]), None)
