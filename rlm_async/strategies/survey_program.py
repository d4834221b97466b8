"""The part of the guided program that reads all of an input: counting over its records, or digesting its parts."""

from __future__ import annotations

SURVEY = r'''
RECORD = 1500


def records():
    """The input as a list of alike pieces, or nothing where it is none: lines of one text, or short documents."""
    if len(DOCS) > 1:
        pieces = list(DOCS.values())
        return pieces if max(len(piece) for piece in pieces) <= RECORD else []
    pieces = [line for text in DOCS.values() for line in text.splitlines() if line.strip()]
    lengths = sorted(len(piece) for piece in pieces)
    if len(pieces) < 2 or lengths[-1] > RECORD:
        return []
    first = pieces[0].strip()
    alike = sum(1 for piece in pieces if re.match(r"\W*\w+", piece) and piece[:1] == first[:1]) / len(pieces)
    ended = sum(1 for piece in pieces if piece.rstrip()[-1:] in ".?!\"'") / len(pieces)
    return pieces if alike > 0.8 or ended > 0.8 else []


COUNTING = r"(?i)^\W*(?:in |of |among |for )?.{0,60}?\b(?:how many|how often|count|number of|list (?:all|every|the)|" \
    r"most (?:common|frequent|often)|least (?:common|frequent|often)|(?:more|less) (?:common|frequent) than)\b"


class Tally:
    def __init__(self, pieces):
        named_labels = [a or b for a, b in re.findall(r"\"([^\"]{1,60})\"|'([^']{1,60})'", QUESTION)]
        self.labels = list(dict.fromkeys(named_labels)) if len(set(named_labels)) > 1 else ["yes", "no"]
        self.pieces = pieces[: MOST * GROUP]
        self.total = len(pieces)
        self.at = 0
        self.counts = {label: 0 for label in self.labels}
        self.state = {"shape": "tally", "read": 0, "failed": [], "passages": [], "answer": None, "total": self.total}

    def prompt(self, group):
        lines = "\n".join(str(i + 1) + ". " + piece.strip() for i, piece in enumerate(group))
        if self.labels == ["yes", "no"]:
            task = "Question over many texts: " + QUESTION + "\nFor each text above, in order: is it one that the " \
                "question asks for? Answer yes or no."
        else:
            task = "Question over many texts: " + QUESTION + "\nFor each text above, in order: which of these is it? " \
                + ", ".join(self.labels)
        return "Texts:\n" + lines + "\n\n" + task

    def step(self):
        groups, shapes = [], []
        while self.at < len(self.pieces) and len(groups) < 32:
            groups.append(self.pieces[self.at : self.at + GROUP])
            self.at = self.at + GROUP
        for group in groups:
            items = {"type": "array", "items": {"type": "string", "enum": self.labels}, "minItems": len(group)}
            shapes.append(shaped(answers=dict(items, maxItems=len(group))))
        full = [group for group in groups if len(group) == GROUP]
        replies = list(llm_query_batched([self.prompt(group) for group in full], schema=shapes[0]) if full else [])
        if len(full) < len(groups):
            replies = replies + list(llm_query_batched([self.prompt(groups[-1])], schema=shapes[-1]))
        for group, reply in zip(groups, replies):
            self.take(group, reply)
        self.reduce()
        return self.at >= len(self.pieces)

    def take(self, group, reply):
        if isinstance(reply, str):
            self.state["failed"].append(reply[:300])
            return
        self.state["read"] = self.state["read"] + len(group)
        for piece, label in zip(group, reply["answers"]):
            self.counts[label] = self.counts[label] + 1
            if label == "yes" and len(self.state["passages"]) < 40:
                self.state["passages"].append({"doc": "", "text": piece.strip()[:200]})

    def reduce(self):
        asked = QUESTION.lower()
        order = sorted(self.counts.items(), key=lambda pair: -pair[1])
        if self.labels == ["yes", "no"]:
            self.state["answer"] = str(self.counts["yes"])
        elif "least" in asked:
            self.state["answer"] = order[-1][0]
        elif "most" in asked:
            self.state["answer"] = order[0][0]
        else:
            self.state["answer"] = ", ".join(label + ": " + str(count) for label, count in order)
        self.state["counts"] = dict(self.counts)


DIGESTING = r"(?i)\b(?:summari[sz]e|summary|overview|main (?:points?|themes?|topics?|ideas?)|what .{0,40}\babout)\b"


class Digest:
    def __init__(self):
        pieces = [piece for text in DOCS.values() for piece in chunks(PIECE, over=text) if piece.strip()]
        most = min(MOST, 4 * sum(WAVES))
        step = max(len(pieces) / most, 1)
        self.pieces = [pieces[int(i * step)] for i in range(min(len(pieces), most))]
        self.state = {"shape": "digest", "read": 0, "failed": [], "passages": [], "answer": None, "total": len(pieces)}
        self.notes = None

    def step(self):
        if self.notes is None:
            task = "\n\nIn at most two sentences: what does this part say that helps with the following? " + QUESTION
            replies = [str(reply) for reply in llm_query_batched([piece + task for piece in self.pieces])]
            self.notes = [reply for reply in replies if not reply.startswith("Error:")]
            self.state["failed"] = [reply[:300] for reply in replies if reply.startswith("Error:")]
            self.state["read"] = len(self.notes)
            self.state["passages"] = [{"doc": "", "text": note[:600]} for note in self.notes[:40]]
            self.state["answer"] = "\n".join(self.notes)[:4000] or None
            return len(self.notes) < 2
        room = max(PIECE // max(len(self.notes), 1), 80)
        notes = "\n".join("- " + note.strip()[:room] for note in self.notes)
        prompt = "Notes on the parts of a text:\n" + notes + "\n\nFrom these notes: " + QUESTION
        reply = str(llm_query_batched([prompt])[0])
        if reply.startswith("Error:"):
            self.state["failed"].append(reply[:300])
        else:
            self.state["answer"] = reply
        return True


class Exact:
    """How often a quoted word stands in the text: no model is needed for that."""

    def __init__(self, term):
        by_line = re.search(r"(?i)how many lines", QUESTION) is not None
        lines = [line for text in DOCS.values() for line in text.splitlines() if term in line]
        count = len(lines) if by_line else sum(text.count(term) for text in DOCS.values())
        what = "lines" if by_line else "places"
        self.state = {"shape": "exact", "read": 0, "failed": [], "passages": [], "answer": str(count), "what": what}

    def step(self):
        return True
'''
