"""In the session: the sections of papers, whatever they were written in.

Part of the profile's preamble: it runs in the jail, before the model's first cell, behind what
`rlm_async.core.preamble` puts before it (`_texts`, `_chosen`, `_starts`, `_line`, `re`, `bisect`).
"""

_KNOWN = (
    r"abstract|introduction|background|related\s+work|preliminaries|motivation|rationale|method(?:s|ology)?|materials?\s+and\s+methods?|approach|"
    r"model|data(?:\s+and\s+methods)?|experiments?|experimental\s+(?:setup|results)|evaluation|results?(?:\s+and\s+discussion)?|"
    r"discussion|limitations?|threats\s+to\s+validity|conclusions?(?:\s+and\s+future\s+work)?|future\s+work|"
    r"acknowledge?ments?|references|bibliography|literature\s+cited|works\s+cited|appendix(?:\s+\w)?|supplementary\s+material|ethics\s+statement"
)
_SECTION = re.compile(
    r"^(?:"
    r"[ \t]{0,3}(?P<hashes>\#{1,6})[ \t]+(?P<markdown>[^\n]+?)[ \t]*\#*"
    r"|[ \t]*\\(?P<latex>(?:sub){0,2})section\*?\{(?P<named>[^}\n]+)\}.*"
    r"|(?P<above>[^\s][^\n]{1,100})\n(?P<rule>=|-|~|\^|\"|\*)(?P=rule){2,}"
    r"|[ \t]{0,4}(?P<number>\d{1,2}(?:\.\d{1,2}){0,3}|[IVX]{1,5}(?=\.))\.?[ \t]+(?P<title>[A-Z][^\n]{1,90})"
    rf"|[ \t]{{0,12}}(?P<known>(?i:{_KNOWN}))[ \t]*[:.]?[ \t]*"
    r")$",
    re.MULTILINE,
)
_RULES = {"=": 1, "-": 2, "~": 3, "^": 3, '"': 3, "*": 1}
_BIBLIOGRAPHY = r"(?i)^(?:\d+\.?\s*)?(?:references|bibliography|literature(?:\s+cited)?|works\s+cited|footnotes)\b"
_SECTIONS = {}


def _section_of(found):
    """Title and level of a heading; nothing where the line only looks like one."""
    if found.group("markdown"):
        return found.group("markdown").strip(), len(found.group("hashes"))
    if found.group("named"):
        return found.group("named").strip(), 1 + len(found.group("latex")) // 3
    if found.group("above"):
        above = found.group("above").strip()
        return (above, _RULES[found.group("rule")]) if re.search(r"\w", above) and "|" not in above else None
    if found.group("known"):
        return found.group("known").strip(), 1
    return _numbered(found.group("number"), found.group("title").strip())


def _numbered(number, title):
    """The same for a line that begins with a number; sentences, lists and entries of references do that too."""
    looks_like_text = re.search(r"[.;,:!?]$|\.{3,}|\s\d+$", title) or re.search(r"\(\d{4}\)|,\s+\w\.", title)
    if looks_like_text or len(title.split()) > 12 or (number.isdigit() and int(number) > 40):
        return None
    return f"{number} {title}", 1 + number.count(".")


def _latex_abstract(text):
    return [(found.start(), "Abstract", 1) for found in re.finditer(r"\\begin\{abstract\}", text)]


def sections(doc=None, title=None):
    """Headings of papers with the text below each: doc, title, level, line, start, end, text; `title` keeps some."""
    made = []
    for name, text in _chosen(doc):
        if name not in _SECTIONS or _SECTIONS[name][0] != text:
            _SECTIONS[name] = (text, _sections(name, text))
        made += _SECTIONS[name][1]
    return made if title is None else [one for one in made if re.search(title, one["title"], re.IGNORECASE)]


def _sections(name, text):
    marks = _latex_abstract(text)
    for found in _SECTION.finditer(text):
        heading = _section_of(found)
        if heading is not None:
            marks.append((found.start(), *heading))
    marks.sort()
    starts = _starts(text)
    made = []
    for i, (start, heading, level) in enumerate(marks):
        end = marks[i + 1][0] if i + 1 < len(marks) else len(text)
        line = _line(starts, start + len(text[start:end]) - len(text[start:end].lstrip()))
        made.append(
            {
                "doc": name,
                "title": heading,
                "level": level,
                "line": line,
                "start": start,
                "end": end,
                "text": text[start:end].strip(),
            }
        )
    return made


def section_at(doc, offset):
    """The innermost section that holds a place of a paper; None before the first."""
    ((name, _),) = _chosen(doc)
    held = [one for one in sections(name) if one["start"] <= offset < one["end"]]
    return held[-1] if held else None
