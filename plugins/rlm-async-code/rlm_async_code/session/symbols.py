"""In the session: what a repository's files define, and where it is used.

Part of the profile's preamble: it runs in the jail, before the model's first cell, behind what
`rlm_async.core.preamble` puts before it (`_texts`, `_chosen`, `_starts`, `_line`, `re`, `bisect`).
"""

_KINDS = {
    "python": ("py", "pyi", "pyx"),
    "braces": (
        "js",
        "jsx",
        "ts",
        "tsx",
        "mjs",
        "cjs",
        "java",
        "kt",
        "scala",
        "cs",
        "c",
        "h",
        "cc",
        "cpp",
        "cxx",
        "hpp",
        "go",
        "rs",
        "swift",
        "php",
        "dart",
    ),
    "ends": ("rb", "lua", "ex", "exs", "jl"),
    "shell": ("sh", "bash", "zsh"),
}
_HISTORY = "git log"
_HIDDEN = re.compile(
    r"(?P<triple>\"\"\"(?:[^\"\\]|\\.|\"(?!\"\"))*(?:\"\"\"|\Z)|'''(?:[^'\\]|\\.|'(?!''))*(?:'''|\Z))"
    r"|(?P<string>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<comment>\#[^\n]*)",
    re.DOTALL,
)
_HIDDEN_BRACES = re.compile(
    r"(?P<block>/\*.*?(?:\*/|\Z))|(?P<comment>//[^\n]*)|(?P<string>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.){0,80}'|`(?:[^`\\]|\\.)*`)",
    re.DOTALL,
)
_PYTHON = re.compile(
    r"^(?P<indent>[ \t]*)(?:(?:async[ \t]+)?(?P<def>def)|(?P<class>class))[ \t]+(?P<name>\w+)", re.MULTILINE
)
_WORDS = r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|override|virtual|inline|unsafe|extern|pub(?:\([a-z]+\))?|const|open|sealed|data|partial|suspend|operator|declare|readonly)[ \t]+)*"
_BRACES = re.compile(
    rf"^(?P<indent>[ \t]*){_WORDS}(?:"
    r"(?P<type>class|interface|struct|enum|trait|impl|record|namespace|module|object|protocol|union|type)[ \t]+(?:<[^>\n]*>[ \t]*)?(?P<typed>[A-Za-z_]\w*)"
    r"|(?:function\*?|func|fn|fun|def)[ \t]+(?:\([^)\n]*\)[ \t]*)?(?P<function>[A-Za-z_$][\w$]*)"
    r"|(?:const|let|var)[ \t]+(?P<bound>[A-Za-z_$][\w$]*)[ \t]*(?::[^=\n]+)?=[ \t]*(?:async[ \t]*)?(?:function\b|\([^()\n]*\)[ \t]*(?::[^=\n]+)?=>|[A-Za-z_$][\w$]*[ \t]*=>)"
    r"|(?:(?!(?:return|else|new|throw|case|goto|delete|await|yield|in|of|using|import|package)\b)[A-Za-z_][\w:<>,\[\]*&?. \t]*?[ \t*&])?(?P<method>~?[A-Za-z_$][\w$]*(?:::~?\w+)*)[ \t]*\([^;{}()\n]*(?:\([^()\n]*\)[^;{}()\n]*)*\)?[^;{}()=\n]*(?:\n[ \t]*)?\{"
    r")",
    re.MULTILINE,
)
_RUBY = re.compile(
    r"^(?P<indent>[ \t]*)(?:(?:local[ \t]+)?(?:def|defp|function)[ \t]+(?P<function>[\w.:?!=]+)|(?:class|module|defmodule)[ \t]+(?P<typed>[\w.:]+))",
    re.MULTILINE,
)
_SHELL = re.compile(
    r"^(?P<indent>[ \t]*)(?:function[ \t]+(?P<function>[\w-]+)|(?P<method>[\w-]+)[ \t]*\(\))", re.MULTILINE
)
_NOT_NAMES = frozenset(
    [
        "if",
        "for",
        "while",
        "switch",
        "catch",
        "return",
        "sizeof",
        "foreach",
        "lock",
        "match",
        "loop",
        "else",
        "do",
        "with",
        "synchronized",
        "elif",
        "try",
    ]
)
_BARE, _SYMBOLS = {}, {}


def _kind(name, text):
    """The family of languages of a file, by its name or else by what it looks like."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    for kind, endings in _KINDS.items():
        if ending in endings:
            return kind
    if ending:
        return ""
    if re.search(r"(?m)^(?:def \w+\(.*:|class \w+.*:|import \w|from \w[\w.]* import )", text[:20_000]):
        return "python"
    if text.startswith("#!") and "sh" in text[:60].partition("\n")[0]:
        return "shell"
    return (
        "braces"
        if re.search(r"(?m)^.*[{;]\s*$", text[:20_000])
        and re.search(r"\bfunction\b|#include|\bpublic\b|\bfunc\b|\bfn\b", text[:20_000])
        else ""
    )


def bare(doc):
    """A file with strings and comments blanked out, place by place, so that offsets and lines stay."""
    ((name, text),) = _chosen(doc)
    return _blanked(name, text)


def _blanked(name, text):
    if name in _BARE and _BARE[name][0] == text:
        return _BARE[name][1]
    kind = _kind(name, text)
    pattern = _HIDDEN_BRACES if kind == "braces" else _HIDDEN
    parts, at = [], 0
    for found in pattern.finditer(text):
        parts.append(text[at : found.start()])
        whole = found.group(0)
        keep = {"string": 1, "triple": 3}.get(found.lastgroup, 0)
        keep = keep if len(whole) >= 2 * keep else 0
        inner = whole[keep : len(whole) - keep]
        parts.append(
            whole[:keep] + "".join("\n" if sign == "\n" else " " for sign in inner) + whole[len(whole) - keep :]
            if "\n" in inner
            else whole[:keep] + " " * len(inner) + whole[len(whole) - keep :]
        )
        at = found.end()
    parts.append(text[at:])
    _BARE[name] = (text, "".join(parts))
    return _BARE[name][1]


def symbols(doc=None, name=None):
    """What files define: doc, name, qualified, kind, line, end_line, start, end, signature; `name` keeps one name's."""
    made = []
    for file, text in _chosen(doc):
        if file == _HISTORY:
            continue
        if file not in _SYMBOLS or _SYMBOLS[file][0] != text:
            _SYMBOLS[file] = (text, _symbols(file, text))
        made += _SYMBOLS[file][1]
    return made if name is None else [one for one in made if name in (one["name"], one["qualified"])]


def _symbols(file, text):
    kind = _kind(file, text)
    if not kind:
        return []
    plain, starts = _blanked(file, text), _starts(text)
    pattern = {"python": _PYTHON, "braces": _BRACES, "ends": _RUBY, "shell": _SHELL}[kind]
    made, open_ = [], []
    for found in pattern.finditer(plain):
        groups = found.groupdict()
        called = (
            groups.get("name")
            or groups.get("typed")
            or groups.get("function")
            or groups.get("bound")
            or groups.get("method")
        )
        if not called or called in _NOT_NAMES:
            continue
        is_type = bool(groups.get("class") or groups.get("typed"))
        indent = len(groups["indent"].expandtabs(4))
        end = _end(kind, plain, found, indent)
        while open_ and open_[-1]["end"] <= found.start():
            open_.pop()
        outer = open_[-1] if open_ else None
        begin = found.start() + len(groups["indent"])
        one = {
            "doc": file,
            "name": called,
            "qualified": f"{outer['qualified']}.{called}" if outer else called,
            "kind": "class" if is_type else "method" if outer and outer["kind"] == "class" else "function",
            "line": _line(starts, begin),
            "end_line": _line(starts, max(begin, end - 1)),
            "start": begin,
            "end": end,
            "signature": _signature(text, plain, begin, found.end(), kind),
        }
        made.append(one)
        open_.append(one)
    return made


def _end(kind, plain, found, indent):
    """Where what begins at a match ends: by indentation, by the brace that closes its first, or by its `end`."""
    if kind == "braces":
        return _brace_end(plain, found.end() - 1)
    if kind == "python":
        return _indent_end(plain, _closing(plain, found.end()), indent)
    stop = re.compile(rf"^[ \t]{{0,{indent}}}(?:end\b|\}})[^\n]*\n?", re.MULTILINE).search(plain, found.end())
    return stop.end() if stop else len(plain)


def _brace_end(plain, after):
    opened, semicolon = plain.find("{", after), plain.find(";", after)
    if opened < 0 or 0 <= semicolon < opened:
        return semicolon + 1 if semicolon >= 0 else len(plain)
    depth = 0
    for brace in re.compile(r"[{}]").finditer(plain, opened):
        depth += 1 if brace.group(0) == "{" else -1
        if depth == 0:
            return brace.end()
    return len(plain)


def _indent_end(plain, opening, indent):
    body = plain.find("\n", opening)
    if body < 0:
        return len(plain)
    for line in re.compile(r"^([ \t]*)(?=[^\s)\]}])", re.MULTILINE).finditer(plain, body + 1):
        if len(line.group(1).expandtabs(4)) <= indent:
            return opening + len(plain[opening : line.start()].rstrip())
    return opening + len(plain[opening:].rstrip())


def _closing(plain, offset):
    """Behind the colon that ends the head of a definition, over brackets and lines."""
    depth = 0
    for sign in re.compile(r"[()\[\]{}:]").finditer(plain, offset, offset + 5000):
        if sign.group(0) in "([{":
            depth += 1
        elif sign.group(0) in ")]}":
            depth -= 1
        elif depth <= 0:
            return sign.end()
    return offset


def _signature(text, plain, begin, after, kind):
    if kind == "python":
        end = _closing(plain, after)
        return " ".join(text[begin : max(after, end)].split()).rstrip(":")[:300]
    end = min([place for place in (plain.find("{", after - 1), plain.find("\n", after)) if place >= 0] or [len(plain)])
    return " ".join(text[begin : max(after, end)].split()).rstrip("{ ")[:300]


def source(name, doc=None):
    """The text of each definition of a name (or `Class.method`): doc, line, qualified, text."""
    texts = dict(_chosen(doc))
    return [
        {
            "doc": one["doc"],
            "line": one["line"],
            "qualified": one["qualified"],
            "text": texts[one["doc"]][one["start"] : one["end"]].rstrip(),
        }
        for one in symbols(doc, name)
    ]


def symbol_at(doc, line):
    """The innermost definition that a line stands in; None outside of all."""
    held = [one for one in symbols(doc) if one["line"] <= line <= one["end_line"]]
    return held[-1] if held else None
