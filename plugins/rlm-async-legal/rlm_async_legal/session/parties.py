"""In the session: who makes a contract, its dates, and the words that it defines.

Part of the profile's preamble: it runs in the jail, before the model's first cell, behind what
`rlm_async.core.preamble` puts before it (`_texts`, `_chosen`, `_starts`, `_line`, `re`, `bisect`).
"""

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTH = r"(?P<month>" + "|".join(_MONTHS) + r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?)"
_DATE = re.compile(
    r"\b" + _MONTH + r"\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?\s*,?\s+(?P<year>[12]\d{3})\b"
    r"|\b(?P<day2>\d{1,2})(?:st|nd|rd|th)?\s+(?:day\s+of\s+)?"
    + _MONTH.replace("month", "month2")
    + r"\s*,?\s+(?P<year2>[12]\d{3})\b"
    r"|\b(?P<iso>[12]\d{3}-[01]\d-[0-3]\d)\b"
    r"|(?<![\d/])(?P<one>\d{1,2})/(?P<two>\d{1,2})/(?P<year3>[12]\d{3})(?![\d/])",
    re.IGNORECASE,
)
_ROLES = (
    ("effective", r"effective\s+(?:as\s+of|date|on)|commenc"),
    ("expiry", r"expir|terminat\w*\s+on|until|through"),
    ("signed", r"dated|made|entered\s+into|execut|as\s+of|signed"),
    ("filed", r"source:|filed|10-[kq]|8-k|s-1"),
)
_TERM = re.compile(
    r"(?P<open>[\"\u201c])(?P<term>[A-Z0-9][^\"\u201c\u201d\n]{1,60}?)[\"\u201d]\s*"
    r"(?:,?\s*\([^)\n]{0,60}\)\s*)?(?:shall\s+mean|shall\s+have\s+the\s+meaning|means?|has\s+the\s+meaning|refers?\s+to|is\s+defined)"
)
_ALIAS = re.compile(
    r"\(\s*(?:[\w\s,;:'\u2019/-]{0,90}?)"
    r"[\"\u201c](?P<alias>[^\"\u201c\u201d\n()]{2,50})[\"\u201d][^)]{0,120}\)"
)
_NO_PARTY = re.compile(
    r"(?i)^(?:this\s+)?(?:agreement|contract|effective\s+date|parties|party|amendment|commencement\s+date|date|"
    r"lease|term|recitals|plan|commission|closing|execution\s+date|services?|products?|territory|business|hereof|"
    r"exchange\s+act|securities\s+act|act|code|sec)$"
)
_ENTITY = (
    r"(?:inc(?:orporated)?|corp(?:oration)?|company|co|l\.?l\.?c|ltd|limited|l\.?l?\.?p|plc|gmbh|ag|n\.?v|b\.?v|s\.?a|"
    r"s\.?p\.?a|trust|bank|n\.?a|partnership|association|university|fund|foundation|pty|s\.?r\.?l|kg|oy|ab)\b\.?"
)


def _month(word):
    return next(i for i, name in enumerate(_MONTHS, 1) if name.lower().startswith(word.lower().rstrip(".")[:3]))


def _date(found):
    """ISO date of a match, and whether day and month could be the other way round."""
    if found.group("iso"):
        return found.group("iso"), False
    if found.group("month"):
        year, month, day = found.group("year"), _month(found.group("month")), found.group("day")
    elif found.group("month2"):
        year, month, day = found.group("year2"), _month(found.group("month2")), found.group("day2")
    else:
        one, two = int(found.group("one")), int(found.group("two"))
        month, day = (two, one) if one > 12 else (one, two)
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return None, False
        return f"{found.group('year3')}-{month:02}-{day:02}", one <= 12 and two <= 12 and one != two
    if not 1 <= int(day) <= 31:
        return None, False
    return f"{year}-{month:02}-{int(day):02}", False


def dates(doc=None):
    """Every full date: ISO form, the words around it, line, and what it seems to be (effective, signed, expiry …)."""
    made = []
    for name, text in _chosen(doc):
        starts = _starts(text)
        for found in _DATE.finditer(text):
            iso, doubtful = _date(found)
            if iso is None:
                continue
            before = text[max(0, found.start() - 90) : found.start()].lower()
            after = text[found.end() : found.end() + 40].lower()
            marks = [(near.end(), role) for role, mark in _ROLES for near in re.finditer(mark, before)]
            role = max(marks)[1] if marks else ""
            if "effective date" in after:
                role = "effective"
            made.append(
                {
                    "doc": name,
                    "date": iso,
                    "ambiguous": doubtful,
                    "role": role,
                    "line": _line(starts, found.start()),
                    "start": found.start(),
                    "end": found.end(),
                    "text": " ".join(text[max(0, found.start() - 60) : found.end() + 40].split()),
                }
            )
    return made


def terms(doc=None):
    """Defined terms (`"Territory" means …`) with the sentence that defines them."""
    made = []
    for name, text in _chosen(doc):
        starts = _starts(text)
        for found in _TERM.finditer(text):
            stop = re.compile(r"\.(?=\s|$)|\n\s*\n").search(text, found.end())
            end = min(stop.end() if stop else len(text), found.start() + 1500)
            made.append(
                {
                    "doc": name,
                    "term": " ".join(found.group("term").split()),
                    "line": _line(starts, found.start()),
                    "start": found.start(),
                    "end": end,
                    "text": text[found.start() : end].strip(),
                }
            )
    return made


_BOUNDARY = re.compile(
    r"(?i)\b(?:by\s+and\s+between|by\s+and\s+among|between|among|and|with|whereas)\b[:,]?\s+|[;:)]\s*|\d\.\s"
)
_APPOSITION = re.compile(
    r",?\s+(?=(?:a|an|the|its?|with|having|whose|as|of|organi[sz]ed|located|acting|through|on\s+behalf)\b)|\s+\(|,\s+(?=\d)"
)


def _party_name(before):
    """The name that stands before its alias: back to the last word that begins one."""
    flat = " ".join(before.split())
    for mark in reversed(list(_BOUNDARY.finditer(flat))):
        rest = flat[mark.end() :].strip(" ,")
        first = _APPOSITION.split(rest)[0].strip(" ,;:")
        small = [word for word in first.split() if word[0].islower() and word not in ("of", "and", "the", "for", "de")]
        if not re.match(r"[A-Z0-9]", first) or not 2 < len(first) <= 90 or len(small) > 2:
            continue
        if re.match(rf"(?i){_ENTITY}$", first):
            continue  # "Smith and Company": the name goes on to the left
        return first
    return ""


def _opening(text):
    """Where the parties are named: from the title to what the contract begins with."""
    found = re.search(r"(?i)\bbetween\b|\bamong\b|\bparties\b", text)
    begin = max(0, (found.start() if found else 0) - 600)
    head = text[begin : begin + 6000]
    stop = re.search(r"(?i)\bwitnesseth\b|\n\s*(?:recitals?|background|article\s+[1i]\b|1\.\s)|\bwhereas\b", head[700:])
    return begin, head[: stop.start() + 700] if stop else head


def parties(doc=None):
    """Who makes the contract: names as they stand, and what each is called in it, with the line."""
    made = []
    for name, text in _chosen(doc):
        starts, seen = _starts(text), set()
        begin, head = _opening(text)
        found = []
        for alias in _ALIAS.finditer(head):
            word = " ".join(alias.group("alias").split()).strip(" ,.;")
            called = _party_name(head[max(0, alias.start() - 400) : alias.start()])
            if called and called not in seen and word not in seen and not _NO_PARTY.match(word):
                seen |= {called, word}
                found.append((called, word, begin + alias.start()))
        found = found or _bare_parties(head, begin)
        made += [
            {"doc": name, "name": called, "alias": word, "line": _line(starts, place), "start": place}
            for called, word, place in found
        ]
    return made


def _bare_parties(head, begin):
    """Parties without an alias: the company names, or names in capitals, of the sentence that says between whom."""
    found = re.search(r"(?i)\b(?:between|among)\b", head)
    if found is None:
        return []
    sentence = head[found.end() : found.end() + 900]
    company = rf"[A-Z][\w.&'\u2019-]*(?:[ ,]+[A-Z&][\w.&'\u2019-]*){{0,7}}?,?\s+(?i:{_ENTITY})"
    matches = list(re.finditer(company, sentence)) or list(
        re.finditer(r"[A-Z][A-Z&.'-]+(?:[ ,]+[A-Z&.'-]{2,})+", sentence)
    )
    names = {}
    for match in matches:
        names.setdefault(" ".join(match.group(0).split()).strip(" ,"), begin + found.end() + match.start())
    return [(called, "", place) for called, place in names.items()][:6]
