"""In the session: where a repository's names are called, used and imported.

Part of the profile's preamble, behind `symbols.py`.
"""


def calls(name, doc=None):
    """Where a function, method or class is called: doc, line, column, inside (what calls it), text of the line.

    By its last name, in code and not in strings or comments: `a.b.run` finds every `.run(`, with `exact` for
    those that are written as asked. Definitions are left out.
    """
    last = re.split(r"[.:]+", name)[-1]
    pattern = re.compile(rf"(?<![\w$]){re.escape(last)}[ \t]*(?:<[^<>()\n]{{1,60}}>)?\(")
    made = []
    for file, text in _chosen(doc):
        if file == _HISTORY or last not in text or not _kind(file, text):
            continue
        plain, starts = _blanked(file, text), _starts(text)
        defined = {one["line"] for one in symbols(file if file in _texts() else text) if one["name"].endswith(last)}
        for found in pattern.finditer(plain):
            line = _line(starts, found.start())
            begin = starts[line - 1]
            before = plain[begin : found.start()]
            if line in defined and re.search(
                r"(?:^|\s)(?:def|class|function|func|fn|fun)\s+(?:\([^)]*\)\s*)?(?:[\w.]+[.:])?$", before
            ):
                continue
            if (
                line in defined
                and _kind(file, text) == "braces"
                and not re.search(r"[=(,.!&|?+\-]\s*$|\breturn\s+$", before)
            ):
                continue
            end = text.find("\n", found.start())
            held = symbol_at(file, line) if file in _texts() else None
            written = re.search(r"[\w$.:]*$", before).group(0) + last
            made.append(
                {
                    "doc": file,
                    "line": line,
                    "column": found.start() - begin + 1,
                    "inside": held["qualified"] if held else "",
                    "exact": written.endswith(name),
                    "text": text[begin : end if end >= 0 else len(text)].strip(),
                }
            )
    return made


def uses(name, doc=None):
    """Every place in code where a name stands as a word, calls included: doc, line, text."""
    pattern = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
    made = []
    for file, text in _chosen(doc):
        if file == _HISTORY or name not in text:
            continue
        starts = _starts(text)
        lines = sorted({_line(starts, found.start()) for found in pattern.finditer(_blanked(file, text))})
        made += [
            {"doc": file, "line": line, "text": text[starts[line - 1] :].partition("\n")[0].strip()} for line in lines
        ]
    return made


_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<source>[.\w]+)[ \t]+import\b|import[ \t]+(?P<modules>[\w.]+(?:[ \t]+as[ \t]+\w+)?(?:[ \t]*,[ \t]*[\w.]+(?:[ \t]+as[ \t]+\w+)?)*)[ \t]*;?[ \t]*$"
    r"|(?:import|export)\b[^;'\"\n]*(?:from[ \t]*)?['\"](?P<path>[^'\"\n]+)['\"]|\#[ \t]*include[ \t]*[<\"](?P<header>[^>\"\n]+)[>\"]"
    r"|use[ \t]+(?P<use>[\w:]+)|using[ \t]+(?P<using>[\w.]+)[ \t]*;|require(?:_relative)?[ \t(]+['\"](?P<required>[^'\"\n]+)['\"])"
    r"|\brequire\([ \t]*['\"](?P<required2>[^'\"\n]+)['\"]",
    re.MULTILINE,
)


def imports(doc=None):
    """What files import: doc, module, line."""
    made = []
    for file, text in _chosen(doc):
        if file == _HISTORY or not _kind(file, text):
            continue
        plain, starts = _blanked(file, text), _starts(text)
        for found in _IMPORT.finditer(text):
            begin = found.start() + len(found.group(0)) - len(found.group(0).lstrip())
            if not plain[begin].strip() and not found.group("header"):
                continue  # in a comment or a string
            value = next(value for value in found.groupdict().values() if value)
            line = _line(starts, begin)
            names = [part.split()[0] for part in value.split(",")] if found.group("modules") else [value]
            made += [{"doc": file, "module": one, "line": line} for one in names]
    return made
