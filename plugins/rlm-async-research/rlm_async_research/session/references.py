"""In the session: what papers cite, where they cite it, and what they claim.

Part of the profile's preamble, behind `sections.py`.
"""

_ENTRY = re.compile(
    r"^[ \t]*(?:"
    r"\[(?P<square>\d{1,3}|[A-Za-z][\w+.:-]{1,30})\]:?"
    r"|\.\.[ \t]+\[(?P<rst>[#\w-]{1,30})\]"
    r"|\[\^(?P<foot>[\w-]+)\]:"
    r"|(?P<plain>\d{1,3})[.)](?=[ \t]+[A-Z\"\u201c])"
    r"|\\bibitem(?:\[[^\]]*\])?\{(?P<bibitem>[^}]+)\}"
    r"|@\w+[ \t]*\{[ \t]*(?P<bibtex>[^,\s]+)[ \t]*,"
    r")",
    re.MULTILINE,
)
_YEAR = re.compile(r"\b(1[6-9]\d\d|20\d\d)(?=[a-z]?\b)")
_LINK = re.compile(r"https?://[^\s<>\"')\]}]+|\b10\.\d{4,9}/[^\s<>\"')\]}]+|\barXiv:\s?\d{4}\.\d{4,5}", re.IGNORECASE)
_AUTHOR = r"\b[A-Z][\w'\u2019-]{1,40}(?:\s+(?:et\s+al\.?|(?:and|&)\s+[A-Z][\w'\u2019-]+))?"
_CITED = re.compile(
    r"\[(?P<numbers>\d{1,3}(?:\s*[-\u2013,;]\s*\d{1,3})*)\](?!\()_?"
    r"|\[\#?(?P<label>[A-Za-z][\w+-]{1,30})\]_"
    r"|\[(?P<pandoc>[^\]\n]{0,60}@[\w:.+/-]+[^\]\n]{0,80})\]"
    r"|(?<![\w@])@(?P<bare>[A-Za-z][\w:.+/-]*\d{4}\w*)"
    r"|\\cite[a-z]*\*?(?:\[[^\]]*\])*\{(?P<latex>[^}]+)\}"
    r"|\[\^(?P<foot>[\w-]+)\](?!:)"
    rf"|\((?P<years>[^()\n]{{0,60}}?{_AUTHOR},?\s+\d{{4}}[a-z]?[^()\n]{{0,160}})\)"
    rf"|(?P<spoken>{_AUTHOR})\s+\((?P<year>\d{{4}}[a-z]?)\)"
)
_FINDING = re.compile(
    r"(?i)\b(?:we|our|this\s+(?:paper|work|study|pep)|the\s+(?:results?|experiments?|data|figures?)|results?|experiments?)\b[^.]{0,80}"
    r"\b(?:show|find|found|demonstrat|observ|report|achiev|improv|outperform|confirm|reveal|suggest|indicat|conclud|prov|measur|reduc|increas)\w*"
    r"|\b(?:significant(?:ly)?|outperform\w*|state[- ]of[- ]the[- ]art|faster|slower|better|worse|higher|lower|more|fewer|less)\b[^.]{0,80}\b(?:than|by)\b"
    r"|\bp\s*[<=]\s*0?\.\d+|\b\d+(?:\.\d+)?\s?(?:%|percent\b|\u00d7|times\b)"
)
_FIGURE = re.compile(
    r"[-+]?\d[\d,]*(?:\.\d+)?\s?(?:%|percent\b|\u00d7|times\b|ms\b|s\b|GB\b|MB\b)?|\bp\s*[<=]\s*0?\.\d+"
)
_SENTENCE = re.compile(
    r"(?<=[.!?])(?<!\bal\.)(?<!\bFig\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bcf\.)(?<!\bvs\.)\s+(?=[A-Z\"\u201c(\[])|\n\s*\n"
)


def _lists(name, text):
    """Begin and end of what lists references: their section, or the whole of a BibTeX file."""
    found = [
        (one["start"], one["end"])
        for one in sections(name if name in _texts() else text)
        if re.search(_BIBLIOGRAPHY, one["title"])
    ]
    if not found and re.search(r"\\begin\{thebibliography\}|^@\w+\s*\{", text, re.MULTILINE):
        mark = re.search(r"\\begin\{thebibliography\}|^@\w+\s*\{", text, re.MULTILINE)
        found = [(mark.start(), len(text))]
    return found


def references(doc=None):
    """The entries of reference lists: doc, key, year, link, line, text. Lists without keys are numbered."""
    made = []
    for name, text in _chosen(doc):
        starts = _starts(text)
        spans = _lists(name, text)
        bare = (
            [found.start() for found in _ENTRY.finditer(text) if found.group("rst") or found.group("foot")]
            if not spans
            else []
        )
        if bare:
            spans = [(bare[0], len(text))]
        for begin, end in spans:
            made += _entries(name, text, starts, (begin, end))
    return made


def _entries(name, text, starts, span):
    begin, end = span
    marks = list(_ENTRY.finditer(text, begin, end))
    made = []
    for i, found in enumerate(marks):
        stop = marks[i + 1].start() if i + 1 < len(marks) else end
        key = next(value for value in found.groupdict().values() if value)
        if not found.group("bibtex"):
            blank = re.compile(r"\n\s*\n").search(text, found.end() + 3, stop)
            stop = blank.start() if blank else stop
        made.append(_reference(name, key, text[found.start() : stop], _line(starts, found.start())))
    if marks:
        return made
    body = re.compile(r"\n").search(text, begin)
    offset = body.end() if body else end
    for piece in re.split(r"\n\s*\n", text[offset:end]):
        if len(piece.strip()) > 20 and _YEAR.search(piece):
            made.append(
                _reference(
                    name,
                    str(len(made) + 1),
                    piece,
                    _line(starts, text.find(piece, offset) + len(piece) - len(piece.lstrip())),
                )
            )
    return made


def _reference(name, key, text, line):
    flat = " ".join(text.split())
    years, link = _YEAR.findall(_LINK.sub("", flat)), _LINK.search(flat)
    return {
        "doc": name,
        "key": key,
        "year": years[-1] if years else "",
        "link": link.group(0).rstrip(".,;") if link else "",
        "line": line,
        "text": flat,
    }


def _keys(found):
    """The keys that one citation names."""
    if found.group("numbers"):
        keys = []
        for part in re.split(r"[,;]", found.group("numbers")):
            ends = [int(number) for number in re.findall(r"\d+", part)]
            keys += (
                [str(number) for number in range(ends[0], min(ends[-1], ends[0] + 50) + 1)]
                if len(ends) == 2
                else [str(ends[0])]
            )
        return keys
    if found.group("pandoc"):
        return [key.rstrip(".:;,") for key in re.findall(r"@([\w:.+/-]+)", found.group("pandoc"))]
    if found.group("latex"):
        return [key.strip() for key in found.group("latex").split(",")]
    if found.group("years"):
        return [" ".join(part.split()) for part in found.group("years").split(";") if re.search(r"\d{4}", part)]
    if found.group("spoken"):
        return [f"{found.group('spoken')}, {found.group('year')}"]
    return [found.group("label") or found.group("bare") or found.group("foot")]


def citations(doc=None, key=None):
    """Where the text cites: doc, key, line, start, section, sentence; `key` keeps those of one reference."""
    made = []
    for name, text in _chosen(doc):
        starts, lists = _starts(text), _lists(name, text)
        for found in _CITED.finditer(text):
            listed = any(begin <= found.start() < end for begin, end in lists)
            if listed or text[max(0, found.start() - 3) : found.start()] == ".. ":
                continue
            place = {"line": _line(starts, found.start()), "start": found.start()}
            made += [
                {"doc": name, "key": one, **place, **_around(name, text, found.start())}
                for one in _keys(found)
                if key is None or str(key).lower() == one.lower()
            ]
    return made


def _around(name, text, offset):
    """Section and sentence of a place."""
    begin = max(
        (found.end() for found in _SENTENCE.finditer(text, max(0, offset - 1500), offset)), default=max(0, offset - 300)
    )
    after = _SENTENCE.search(text, offset)
    end = min(after.start() if after else len(text), offset + 700)
    held = section_at(name, offset) if name in _texts() else None
    return {"section": held["title"] if held else "", "sentence": " ".join(text[begin:end].split())}


def claims(doc=None):
    """Sentences that report a finding, with the evidence in them: doc, section, line, sentence, figures, cites."""
    made = []
    for name, text in _chosen(doc):
        starts = _starts(text)
        for section in sections(name if name in _texts() else text) or [{"title": "", "start": 0, "end": len(text)}]:
            if re.search(_BIBLIOGRAPHY, section["title"]):
                continue
            for begin, sentence in _sentences(text, *_body(text, section)):
                if not _FINDING.search(sentence) or len(sentence) < 25:
                    continue
                cites = [one for found in _CITED.finditer(sentence) for one in _keys(found)]
                plain = _CITED.sub("", sentence)
                figures = [" ".join(found.group(0).split()) for found in _FIGURE.finditer(plain)]
                made.append(
                    {
                        "doc": name,
                        "section": section["title"],
                        "line": _line(starts, begin),
                        "start": begin,
                        "sentence": " ".join(sentence.split()),
                        "figures": figures,
                        "cites": cites,
                    }
                )
    return made


def _body(text, section):
    """Begin and end of a section without the line of its heading."""
    begin, end = section["start"], section["end"]
    if section["title"]:
        begin += len(text[begin:end]) - len(text[begin:end].lstrip())
        line = text.find("\n", begin, end)
        begin = end if line < 0 else line + 1
    return begin, end


def _sentences(text, begin, end):
    at = begin
    for found in _SENTENCE.finditer(text, begin, end):
        yield at, text[at : found.start()]
        at = found.end()
    yield at, text[at:end]
