"""In the session: the turns of conversations, who speaks, and how a ticket ended.

Part of the profile's preamble: it runs in the jail, before the model's first cell, behind what
`rlm_async.core.preamble` puts before it (`_texts`, `_chosen`, `_starts`, `_line`, `re`, `bisect`).
"""

_TIME = (
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4},?(?:\s\d{1,2}:\d\d(?::\d\d)?(?:\s?[AaPp]\.?[Mm]\.?)?)?"
    r"|\d{1,2}:\d\d(?::\d\d)?(?:\s?[AaPp]\.?[Mm]\.?)?"
)
_WHO = r"[^\W\d_][\w.'\u2019@+-]*(?:[ \t]+[\w.'\u2019&-]+){0,3}"
_ROLE = r"(?:[ \t]*[(\[](?P<role>[^()\[\]\n]{2,30})[)\]])?"
_TURN = re.compile(
    r"^[ \t]*(?:[-*>][ \t]+)?"
    rf"(?:[\[(]?(?P<time>{_TIME})[\])]?[ \t]*(?:[-\u2013\u2014|][ \t]*)?)?"
    rf"(?:\*\*|<)?(?P<who>{_WHO}){_ROLE}(?:\*\*|>)?[ \t]*(?:[\[(](?P<late>{_TIME})[\])])?[ \t]*:(?:\*\*)?(?:[ \t]+|$)",
    re.MULTILINE,
)
_MAIL = re.compile(r"^From:[ \t]*(?P<who>[^\n<]*?)[ \t]*(?:<(?P<address>[^>\n]+)>)?[ \t]*$", re.MULTILINE)
_FIELD = re.compile(
    r"^[ \t#*]*(?P<field>ticket(?:[ \t]*(?:id|number|no\.?|\#))?|case(?:[ \t]*(?:id|number))?|id|subject|title|status|state|priority|"
    r"requester|customer|assignee|agent|owner|created(?:[ \t]*at)?|opened|updated(?:[ \t]*at)?|closed(?:[ \t]*at)?|resolved(?:[ \t]*at)?|"
    r"tags?|labels?|product|channel|resolution|date|to|cc|reply-to|message-id|in-reply-to|sent|category|type|severity|url|link)\**[ \t]*:\**[ \t]*(?P<value>[^\n]*)$",
    re.MULTILINE | re.IGNORECASE,
)
_NO_NAME = frozenset(
    [
        "from",
        "to",
        "cc",
        "bcc",
        "sent",
        "subject",
        "note",
        "warning",
        "error",
        "http",
        "https",
        "example",
        "question",
        "answer",
        "answers",
        "update",
        "edit",
        "steps",
        "step",
        "expected",
        "actual",
        "version",
        "time",
        "date",
        "summary",
        "environment",
        "regards",
        "thanks",
        "hello",
        "hi",
        "hey",
        "ps",
        "result",
        "results",
        "output",
        "command",
        "url",
        "link",
        "important",
        "info",
        "debug",
        "tldr",
        "re",
        "fw",
        "fwd",
        "what",
        "why",
        "how",
        "when",
        "where",
        "who",
        "see",
        "also",
        "following",
        "first",
        "second",
        "third",
        "then",
        "finally",
        "instance",
        "user",
        "users",
        "label",
        "labels",
        "problem",
        "solution",
        "cause",
        "fix",
    ]
)
_AGENT = re.compile(
    r"(?i)\b(?:agent|support|staff|admin|operator|representative|rep|engineer|team|service|moderator|help\s?desk|specialist|advisor)\b"
)
_CUSTOMER = re.compile(r"(?i)\b(?:customer|client|user|requester|caller|guest|visitor|reporter|end[- ]user|member)\b")
_BOT = re.compile(r"(?i)\b(?:bot|system|automat\w*|noreply|no-reply|assistant)\b")
_SOLVED = re.compile(
    r"(?i)\b(?:(?:that|this|it|which)\s+(?:did|has\s+done|solved|fixed|resolved|worked)|(?:works?|working)\s+(?:now|again|fine|perfectly|like)|"
    r"(?:problem|issue|error)\s+(?:is|has\s+been|was)\s+(?:now\s+)?(?:solved|fixed|resolved|gone)|all\s+(?:good|set|sorted)|sorted\s+(?:now|out)|"
    r"you\s+can\s+close|closing\s+(?:this|the)|(?:has|have)\s+been\s+(?:refunded|replaced|credited|fixed|resolved)|marking\s+(?:this|it)\s+as\s+(?:resolved|solved)|"
    r"(?:fixed|resolved|solved)\s+(?:it|now|in|by|with|the)|back\s+(?:up|online)|refund\s+(?:has\s+)?(?:arrived|came|gone\s+through))"
)
_UNSOLVED = re.compile(
    r"(?i)\b(?:still\s+(?:not|no|the\s+same|broken|failing|waiting|happen\w*|see\w*|get\w*|have|having|down)|(?:did|does|do)(?:n[o\u2019']t|\s+not)\s+(?:help|work|fix|solve)|"
    r"not\s+(?:solved|fixed|resolved|working)|no\s+(?:luck|change|reply|answer|response)|happened\s+again|reopen\w*|any\s+(?:news|update))\b"
)
_CLOSED = re.compile(r"(?i)\b(?:closed|resolved|solved|done|complete[d]?|fixed)\b")
_OPEN = re.compile(r"(?i)\b(?:open|new|pending|waiting|on[- ]hold|in[- ]progress|escalated|reopened|unresolved)\b")


def _fields(text):
    """Header lines before the first turn: name in lower case -> value."""
    found = {}
    for match in _FIELD.finditer(text[:20_000]):
        name = re.sub(r"[\s\#.]+", " ", match.group("field").lower()).strip()
        found.setdefault(name, match.group("value").strip())
    return found


def _spoken_at(text):
    """Where each turn begins and what it begins with, as tuples of start, end of the mark, name, role, time."""
    marks, header = [], True
    fields = {found.start() for found in _FIELD.finditer(text)}
    for found in _TURN.finditer(text):
        who = " ".join(found.group("who").split())
        at = found.start() + len(found.group(0)) - len(found.group(0).lstrip())
        in_header = header and (found.start() in fields or at in fields) and not found.group("time")
        if in_header or who.lower() in _NO_NAME or not _named_so(who, found):
            continue
        header = False
        marks.append(
            (
                found.start(),
                found.end(),
                who,
                found.group("role") or "",
                found.group("time") or found.group("late") or "",
            )
        )
    return marks or _mails(text) or _by_role(text)


def _by_role(text):
    """A chat in which only roles speak (`Customer: …`, `Agent: …`): lines that would be a header, had anybody else spoken."""
    found = [
        mark for mark in _TURN.finditer(text) if any(p.search(mark.group("who")) for p in (_AGENT, _CUSTOMER, _BOT))
    ]
    several = len({mark.group("who") for mark in found}) > 1
    return (
        [(mark.start(), mark.end(), " ".join(mark.group("who").split()), "", "") for mark in found] if several else []
    )


def _named_so(who, found):
    """Whether it is somebody's name: with a time or a role before the colon, or of words that begin large or a handle."""
    if found.group("time") or found.group("role") or found.group("late"):
        return True
    words = who.split()
    large = all(word[0].isupper() or "@" in word or word in ("van", "de", "von", "of") for word in words)
    known = len(words) == 1 and (_AGENT.search(who) or _CUSTOMER.search(who) or _BOT.search(who))
    return bool(known or (large and len(words) <= 3))


def _mails(text):
    """The same for messages of a mail box: each begins at its `From:`."""
    marks = []
    for found in _MAIL.finditer(text):
        blank = re.compile(r"\n[ \t]*\n").search(text, found.end())
        head = text[found.start() : blank.start() if blank else found.end()]
        date = re.search(r"(?im)^(?:date|sent):\s*(.+)$", head)
        who = found.group("who").strip("\" '") or found.group("address") or ""
        if who:
            marks.append(
                (found.start(), blank.end() if blank else found.end(), who, "", date.group(1).strip() if date else "")
            )
    return marks


_TURNS = {}


def turns(doc=None, who=None):
    """What was said, in order: doc, n, who, role, time, line, start, end, text; `who` keeps one person's or one role's."""
    made = []
    for name, text in _chosen(doc):
        if name not in _TURNS or _TURNS[name][0] != text:
            _TURNS[name] = (text, _turns(name, text))
        made += _TURNS[name][1]
    if who is None:
        return made
    return [turn for turn in made if who.lower() in (turn["role"], turn["who"].lower())]


def _turns(name, text):
    starts, marks, fields = _starts(text), _spoken_at(text), _fields(text)
    roles = _roles(marks, fields)
    made = []
    for i, (start, begin, who, _, time) in enumerate(marks):
        end = marks[i + 1][0] if i + 1 < len(marks) else len(text)
        line = _line(starts, start)
        made.append(
            {
                "doc": name,
                "n": i + 1,
                "who": who,
                "role": roles[who],
                "time": time,
                "line": line,
                "start": start,
                "end": end,
                "text": text[begin:end].strip(),
            }
        )
    return made


def _roles(marks, fields):
    """`agent`, `customer`, `bot` or nothing for each name: by what stands beside it, by the header, by who began."""
    roles = {}
    for _, _, who, said, _ in marks:
        if roles.get(who):
            continue
        told = f"{said} {who}"
        for role, pattern in (("bot", _BOT), ("agent", _AGENT), ("customer", _CUSTOMER)):
            if pattern.search(told):
                roles[who] = role
                break
        else:
            roles[who] = next(
                (
                    role
                    for role, names in (
                        ("customer", ("requester", "customer")),
                        ("agent", ("assignee", "agent", "owner")),
                    )
                    if any(who.lower() in fields.get(key, "").lower() for key in names)
                ),
                "",
            )
    human = [who for _, _, who, _, _ in marks if roles[who] != "bot"]
    if human and not roles[human[0]] and "customer" not in roles.values():
        roles[human[0]] = "customer"
    if "customer" in roles.values():
        roles = {who: role or ("agent" if len(roles) == 2 else "") for who, role in roles.items()}
    return roles
