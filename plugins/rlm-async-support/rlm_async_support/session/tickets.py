"""In the session: people, tickets and their ends.

Part of the profile's preamble, behind `turns.py`.
"""


def people(doc=None):
    """Everybody who speaks: who, role, turns, words, docs (in how many conversations), first, last."""
    found = {}
    for turn in turns(doc):
        key = turn["who"].lower()
        one = found.setdefault(
            key,
            {
                "who": turn["who"],
                "role": turn["role"],
                "turns": 0,
                "words": 0,
                "docs": set(),
                "first": turn["time"],
                "last": "",
            },
        )
        one["role"] = one["role"] or turn["role"]
        one["turns"] += 1
        one["words"] += len(turn["text"].split())
        one["docs"].add(turn["doc"])
        one["last"] = turn["time"] or one["last"]
    return [{**one, "docs": len(one["docs"])} for one in sorted(found.values(), key=lambda one: -one["turns"])]


def resolution(doc=None):
    """How each conversation ended: doc, status (resolved, open, unclear), by, line, text, and what says so."""
    return [_ended(name, text) for name, text in _chosen(doc)]


def _ended(name, text):
    fields, said = _fields(text), turns(name if name in _texts() else text)
    status = fields.get("status") or fields.get("state") or ""
    last = _last_word(said)
    made = {"doc": name, "status": "unclear", "by": "", "line": None, "text": "", "why": "nothing says so"}
    if last:
        turn, solved = last
        made |= {
            "status": "resolved" if solved else "open",
            "by": turn["who"],
            "line": turn["line"],
            "text": turn["text"][:600],
            "why": "the last turn that speaks of it",
        }
    if status and (_CLOSED.search(status) or _OPEN.search(status)):
        told = "open" if _OPEN.search(status) else "resolved"
        contrary = last and told != made["status"]
        made |= {
            "status": told,
            "why": f"the header says {status!r}"
            + (", but the last turn that speaks of it says otherwise" if contrary else ""),
        }
    if not last and said:
        made |= {"by": said[-1]["who"], "line": said[-1]["line"], "text": said[-1]["text"][:600]}
    return made


def _last_word(said):
    """The turn that speaks of it last, and whether it says solved; nothing older than the customer's last words.

    Those come first: an agent who closes a ticket behind them knows no better than they do.
    """
    spoke = [i for i, turn in enumerate(said) if turn["role"] == "customer"]
    tail = said[spoke[-1] :] if spoke else said
    for turn in [*tail[:1], *reversed(tail[1:])] if spoke else reversed(tail):
        solved, unsolved = _SOLVED.search(turn["text"]), _UNSOLVED.search(turn["text"])
        if solved or unsolved:
            return turn, bool(solved) and not (unsolved and unsolved.start() > solved.start())
    return None


def tickets(doc=None):
    """One line a conversation: doc, id, subject, status, opened, turns, people, customer, and the header's fields."""
    made = []
    for name, text in _chosen(doc):
        fields, said = _fields(text), turns(name if name in _texts() else text)
        number = next(
            (
                fields[key]
                for key in ("ticket id", "ticket", "ticket number", "ticket no", "case", "case id", "case number", "id")
                if fields.get(key)
            ),
            name,
        )
        made.append(
            {
                "doc": name,
                "id": number,
                "subject": fields.get("subject") or fields.get("title") or (said[0]["text"][:80] if said else ""),
                "status": _ended(name, text)["status"],
                "opened": fields.get("created")
                or fields.get("created at")
                or fields.get("opened")
                or fields.get("date")
                or next((t["time"] for t in said if t["time"]), ""),
                "turns": len(said),
                "people": len({turn["who"].lower() for turn in said}),
                "customer": fields.get("requester")
                or fields.get("customer")
                or next((t["who"] for t in said if t["role"] == "customer"), ""),
                "fields": fields,
            }
        )
    return made
