"""In the session: the numbered clauses of contracts, and places in them.

Part of the profile's preamble: it runs in the jail, before the model's first cell, behind what
`rlm_async.core.preamble` puts before it (`_texts`, `_chosen`, `_starts`, `_line`, `re`, `bisect`).
"""

_HEADING = re.compile(
    r"^[ \t\xa0]*(?:"
    r"(?P<word>ARTICLE|Article|SECTION|Section|CLAUSE|Clause|SCHEDULE|Schedule|EXHIBIT|Exhibit|ANNEX|Annex|APPENDIX"
    r"|Appendix)[ \t\xa0]+(?P<label>[IVXLC]+\b|\d+(?:\.\d+)*|[A-Z]\b)(?P<after>[^\n]*)"
    r"|(?P<number>\d{1,2}(?:\.\d{1,3}){1,4}|\d{1,2}(?=[.)]))[.)]?(?P<rest>[^\n]*)"
    r")$",
    re.MULTILINE,
)
_CACHE = {}


def _title(rest):
    rest = rest.strip(" \t\xa0.:-\u2013\u2014")
    found = re.match(r"(?P<title>[^.:;\n]{2,90}?)\s*(?:[.:](?=\s|$|\")|\s-\s|\u2014|$)", rest)
    title = found.group("title").strip() if found else ""
    words = re.findall(r"[A-Za-z][\w'&-]*", title) if title[:1] not in ('"', "\u201c") else []
    large = [word for word in words if word[0].isupper()]
    return title if words and len(words) <= 12 and len(large) * 2 >= len(words) else ""


def _heading(found):
    """Number and title of a heading; nothing where a line only looks like one."""
    if found.group("word"):
        after = found.group("after")
        if after and not re.match(r"[\s.:,\u2013\u2014-]", after):
            return None
        if re.match(r"\s*(?:,|of\b|and\b|or\b|to\b|shall\b|is\b|\()", after):
            return None
        return f"{found.group('word').title()} {found.group('label')}", _title(after)
    rest = found.group("rest")
    if rest and not re.match(r"[\s\"\u201c(\[]", rest):
        return None
    body = rest.strip(" \t\xa0")
    if body and not re.match(r"[A-Z\"\u201c(\[_\u2018]", body):
        return None
    return found.group("number"), _title(body)


def _following(body):
    """The title of a clause whose number stands on a line of its own."""
    number, *lines = body.strip().splitlines()[:3]
    titles = [_title(line) for line in lines if line.strip()] if len(number) < 15 else []
    return next((title for title in titles if title), "")


def _clauses(name, text):
    key = ("clauses", name, len(text))
    if key in _CACHE and _CACHE[key][0] == text:
        return _CACHE[key][1]
    starts, marks = _starts(text), []
    for found in _HEADING.finditer(text):
        heading = _heading(found)
        if heading is not None:
            marks.append((found.start(), heading))
    made = []
    for i, (start, (number, title)) in enumerate(marks):
        end = marks[i + 1][0] if i + 1 < len(marks) else len(text)
        if not title and end - start < 4:
            continue
        body = text[start:end]
        made.append(
            {
                "doc": name,
                "number": number,
                "title": title or _following(body),
                "line": _line(starts, start + len(body) - len(body.lstrip())),
                "start": start,
                "end": end,
                "text": body.strip(),
            }
        )
    _CACHE[key] = (text, made)
    return made


def clauses(doc=None, title=None):
    """The numbered clauses of one contract (by name, or a text) or of all; `title` keeps those whose heading has it."""
    made = [clause for name, text in _chosen(doc) for clause in _clauses(name, text)]
    if title is None:
        return made
    return [clause for clause in made if re.search(title, clause["title"], re.IGNORECASE)]


def clause_at(doc, offset):
    """The innermost numbered clause that holds a place of a contract; None before the first."""
    ((name, text),) = _chosen(doc)
    held = [clause for clause in _clauses(name, text) if clause["start"] <= offset < clause["end"]]
    return held[-1] if held else None


def quote(doc, start, end):
    """The words between two offsets with their lines, for a citation."""
    ((name, text),) = _chosen(doc)
    starts = _lines(name, text)
    last = max(start, end - 1)
    return {"doc": name, "lines": [_line(starts, start), _line(starts, last)], "quote": text[start:end]}
