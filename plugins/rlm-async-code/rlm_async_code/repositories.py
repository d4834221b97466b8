"""What makes a profile of repositories: words for the prompt, functions, schemas, examples."""

from __future__ import annotations

import sysconfig
from importlib.resources import files
from pathlib import Path

from rlm_async.core.data import Data
from rlm_async.core.preamble import preamble
from rlm_async.core.profile import Example, Profile
from rlm_async_code.judging import fits
from rlm_async_code.loading import prepare

ADVICE = """\
- What code does stands in the code. Comments, docstrings, names and READMEs say what somebody meant, perhaps long ago.
- The same name may be defined in several places: tell them apart by file and class. Calls may go through an alias, a \
table, a decorator or inheritance, and then do not show the name.
- Defaults are often set far from where they are used: in a constructor, a constant, a configuration file.
- Tests and examples call code too; say whether a call is one of those.
- Give file and line for what you say, and quote the line letter by letter. A change is known by its commit."""

METHOD = """\
How to go about it: `symbols(name=…)`, `calls(name)`, `uses(name)` and `imports()` answer "where" and "who calls" by code alone, \
over all files at once; follow a call chain with `calls` on what `inside` names. `source(name)` gives whole definitions: put those \
into sub-queries instead of pieces cut anywhere. They read text, not types: for what is called by other ways, look with `grep`. \
`history(path)` has the commits, where the input was read from a git folder, and says so where it was not."""

FUNCTIONS = {
    "symbols(doc=None, name=None)": "definitions: doc, name, qualified, kind, line, end_line, start, end, signature",
    "source(name, doc=None)": "the text of each definition of a name or `Class.method`: doc, line, qualified, text",
    "calls(name, doc=None)": "call sites in code, not in strings or comments: doc, line, column, inside, exact, text",
    "uses(name, doc=None)": "every place in code where a name stands as a word: doc, line, text",
    "imports(doc=None)": "what files import: doc, module, line",
    "symbol_at(doc, line)": "the innermost definition that a line stands in",
    "bare(doc)": "a file with strings and comments blanked out, offsets and lines kept",
    "history(path=None, words=None)": "commits, newest first: hash, author, date, subject, body, files; says so where there are none",
}

_PLACE: dict[str, Data] = {
    "file": {"type": "string"},
    "line": {"type": "integer", "minimum": 1},
    "quote": {"type": "string", "description": "The line, letter by letter."},
}


def _listed(key: str, properties: dict[str, Data], required: list[Data]) -> dict[str, Data]:
    item: dict[str, Data] = {"type": "object", "required": required, "properties": {**properties, **_PLACE}}
    return {"type": "object", "required": [key], "properties": {key: {"type": "array", "items": item}}}


SCHEMAS: dict[str, dict[str, Data]] = {
    "places": _listed("places", {"symbol": {"type": "string"}}, ["file", "line"]),
    "findings": _listed(
        "findings",
        {"finding": {"type": "string"}, "severity": {"enum": ["low", "medium", "high"]}},
        ["finding", "file", "line", "quote"],
    ),
}

SESSION = ("symbols", "calls", "history")
"""Parts of the preamble, in order."""

EXAMPLES = (
    Example(
        question="Which methods of JSONDecoder raise JSONDecodeError?",
        path="json/decoder.py",
        expected="JSONDecoder.decode, JSONDecoder.raw_decode",
        solution='inside = sorted({c["inside"] for c in calls("JSONDecodeError") if "raise" in c["text"]})\n'
        'FINAL(", ".join(name for name in inside if name.startswith("JSONDecoder.")))',
    ),
    Example(
        question="In which file is JSONEncoder defined, and which files import it?",
        path="json",
        expected="encoder.py; __init__.py",
        solution='where = [s["doc"] for s in symbols(name="JSONEncoder") if s["kind"] == "class"]\n'
        'who = sorted({u["doc"] for u in uses("JSONEncoder") if "import" in u["text"]})\n'
        'FINAL(", ".join(where) + "; " + ", ".join(who))',
    ),
)


def profile() -> Profile:
    """The profile `code`. Its examples are about Python's own standard library, which is on every machine."""
    package = files("rlm_async_code")
    return Profile(
        name="code",
        about="source code",
        advice=ADVICE,
        method=METHOD,
        functions=FUNCTIONS,
        preamble=preamble(*((package / "session" / f"{part}.py").read_text("utf-8") for part in SESSION)),
        schemas=SCHEMAS,
        prepare=prepare,
        fits=fits,
        examples=EXAMPLES,
        data=Path(sysconfig.get_paths()["stdlib"]),
    )
