"""In the session: where a kind of clause may stand, for the kinds that CUAD names and any other words.

Part of the profile's preamble: it runs in the jail, before the model's first cell, behind what
`rlm_async.core.preamble` puts before it (`_texts`, `_chosen`, `_starts`, `_line`, `re`, `bisect`).
"""

# For each kind of clause: what says it, then what only goes with it. Written to miss nothing rather than to be exact.
_TOPICS = {
    "anti-assignment": r"assign(?:s|ed|ment|able|ing)?\b",
    "audit rights": r"\baudit|inspect|books\s+and\s+records|examin\w+\s+.{0,40}(?:books|records)|access\s+to\s+.{0,60}records|records\s+.{0,80}(?:available|review)",
    "cap on liability": r"liabilit|liable|in\s+no\s+event|maximum\s+aggregate|not\s+exceed|exclusive\s+remedy|sole\s+remedy|statute\s+of\s+limitation|damages|waive",
    "change of control": r"change\s+(?:of|in)\s+(?:\w+\s+)?(?:control|ownership)|merge|consolidat|acqui(?:re|sition)|substantially\s+all|controlling\s+interest|transfer\s+of\s+.{0,40}(?:shares|stock|assets|interest)|successor|by\s+operation\s+of\s+law|voting\s+(?:stock|securities|power|shares)|ownership\s+interest",
    "competitive restriction exception": r"except|notwithstanding|other\s+than|provided,?\s+(?:however|that)",
    "covenant not to sue": r"contest|challenge|attack|(?:not|never)\s+(?:\w+\s+){0,4}sue|validity|covenant\s+not|waive|releas|discharge|dispute\s+.{0,60}(?:title|ownership|rights)|(?:bring|institute|commence)\s+.{0,40}(?:action|claim|suit)",
    "exclusivity": r"exclusiv|\bsole(?:ly)?\b|\bonly\s+(?:supplier|source|distributor|from)|right\s+of\s+first|(?:shall|will|may)\s+not\s+.{0,120}(?:compet|similar|any\s+other|third\s+part)|requirements\s+of|all\s+of\s+its",
    "governing law": r"govern|construed|laws?\s+of|applicable\s+law|jurisdiction",
    "insurance": r"insur",
    "ip ownership assignment": r"assigns?\b|work[s]?\s+(?:made\s+)?for\s+hire|belong|sole\s+(?:and\s+exclusive\s+)?property|vest|(?:own|title|interest)\w*\b.{0,120}(?:intellectual|invention|work|improvement|develop|patent|copyright)",
    "irrevocable or perpetual license": r"irrevocabl|perpetual|in\s+perpetuity|surviv|fully\s+paid|forever",
    "joint ip ownership": r"joint|co-own|shared?\s+(?:equally|ownership)",
    "license grant": r"licen[sc]|grants?\b|right\s+to\s+use|permission|authori[sz]",
    "liquidated damages": r"liquidated|penalt|early\s+termination\s+(?:fee|charge)|termination\s+(?:fee|payment|charge)|(?:late|cancell?ation)\s+(?:fee|charge)|as\s+damages|break-?up",
    "minimum commitment": r"minimum|at\s+least|not\s+less\s+than|no\s+(?:less|fewer)\s+than|commit",
    "most favored nation": r"most[\s-]+favou?red|(?:no\s+less|more|less)\s+favou?rable|favou?rable|lowest\s+price|best\s+price|(?:lower|better)\s+(?:price|rate|terms)",
    "no-solicit of customers": r"solicit|induce|entice|divert|call\s+upon|customers?\s+of",
    "no-solicit of employees": r"solicit|hire|hiring|employ|recruit|entice|induce",
    "non-compete": r"compet|similar\s+(?:to|business|product|service)|(?:shall|will|may|agrees?)\s+not\s+.{0,160}(?:business|sell|market|distribut|develop|manufactur|offer|engage|enter|promot)|exclusiv|directly\s+or\s+indirectly|neither\s+.{0,100}\s+(?:shall|will)|refrain|prohibit",
    "non-disparagement": r"disparag|derogat|defam|reputation|goodwill|(?:good|bad)\s+(?:will|name)|disrepute|reflect\s+.{0,40}(?:adversely|unfavou?rabl)|tarnish",
    "non-transferable license": r"transfer|assign|sublicen",
    "notice period to terminate renewal": r"renew|extend|notice",
    "post-termination services": r"(?:terminat|expir)\w*|transition|wind|sell-?off|surviv",
    "price restrictions": r"price|pricing|increase|fees",
    "renewal term": r"renew|extend|extension|successive",
    "revenue/profit sharing": r"royalt|percent|%|commission|revenue|profit|share",
    "rofr/rofo/rofn": r"first\s+(?:refusal|offer|negotiat|option|right|opportunity)|right\s+of\s+(?:first|last)|option\s+to|offer\s+.{0,60}(?:first|prior)|match",
    "source code escrow": r"escrow|source\s+code|deposit\s+materials",
    "termination for convenience": r"terminat|cancel",
    "third party beneficiary": r"third[\s-]+part(?:y|ies)|beneficiar|inure",
    "uncapped liability": r"liabilit|liable|in\s+no\s+event|limitation|unlimited|not\s+(?:limit|apply)|except\s+(?:for|in)|indemnif|consequential|punitive",
    "unlimited/all-you-can-eat license": r"unlimited|enterprise|without\s+(?:limit|restriction)|any\s+number",
    "volume restriction": r"maximum|exceed|excess|limit|up\s+to|additional\s+(?:fee|charge)|no\s+more\s+than|not\s+more\s+than",
    "warranty duration": r"warrant",
    "affiliate license": r"affiliat|subsidiar",
    "parties": r"between|among|part(?:y|ies)",
    "agreement date": r"dated|made|entered|as\s+of|\d{4}",
    "effective date": r"effective|commenc|as\s+of",
    "expiration date": r"term\b|expir|continue|period|until|initial",
    "document name": r"agreement|contract",
}


def topics():
    """The kinds of clauses that `passages` knows by name; any other words are looked for as they are."""
    return list(_TOPICS)


def _pattern(topic):
    plain = re.sub(r"[\s_-]+", " ", topic.strip().lower())
    for name, pattern in _TOPICS.items():
        if re.sub(r"[\s_-]+", " ", name) == plain or plain.rstrip("s") == re.sub(r"[\s_-]+", " ", name).rstrip("s"):
            return pattern
    words = re.findall(r"\w{3,}", plain) or [plain]
    return "|".join(re.escape(word[: max(4, len(word) - 3)]) for word in words)


def passages(topic, doc=None, before=500, after=700, most=None):
    """The places of each contract that may hold a kind of clause, whole lines, best first: made to miss nothing.

    With their line, offsets, the clause they stand in and how many marks of the topic they have. Ask a sub-query
    about them: most of them only mention the words.
    """
    pattern = re.compile(_pattern(topic), re.IGNORECASE)
    made = []
    for name, text in _chosen(doc):
        begins = [clause["start"] for clause in _clauses(name, text)]
        windows = _windows(text, pattern, (before, after), begins)
        found = [_passage(name, text, span, marks) for span, marks in windows]
        found.sort(key=lambda passage: -passage["marks"])
        made += found if most is None else found[:most]
    return made


_LEAD = 2_500


def _windows(text, pattern, around, begins):
    """Spans around each mark, those that touch made one; each from its clause's beginning where that is near."""
    spans = []
    for found in pattern.finditer(text):
        start, end = max(0, found.start() - around[0]), min(len(text), found.end() + around[1])
        held = bisect.bisect_right(begins, found.start())
        if held and found.start() - begins[held - 1] <= _LEAD:
            start = min(start, begins[held - 1])
        if spans and start <= spans[-1][0][1]:
            (begin, stop), marks = spans[-1]
            spans[-1] = ((min(begin, start), max(end, stop)), marks + 1)
        else:
            spans.append(((start, end), 1))
    return [(_whole(text, span), marks) for span, marks in spans]


def _whole(text, span):
    """A span widened to the ends of its lines, where those are near."""
    start, end = span
    line = text.rfind("\n", max(0, start - 300), start)
    stop = text.find("\n", end, end + 300)
    return (start if line < 0 else line + 1), (end if stop < 0 else stop)


def _passage(name, text, span, marks):
    start, end = span
    clause = clause_at(name, start) if name in _texts() else None
    starts = _lines(name, text)
    return {
        "doc": name,
        "line": _line(starts, start),
        "start": start,
        "end": end,
        "marks": marks,
        "clause": f"{clause['number']} {clause['title']}".strip() if clause else "",
        "text": text[start:end],
    }


def _lines(name, text):
    key = ("lines", name, len(text))
    if key not in _CACHE:
        _CACHE[key] = _starts(text)
    return _CACHE[key]
