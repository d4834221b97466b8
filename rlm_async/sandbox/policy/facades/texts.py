"""Modules for text: re, json, string, textwrap, difflib, csv, html, unicodedata, fnmatch, pprint, io, ast."""

from __future__ import annotations

import ast
import csv
import difflib
import fnmatch
import html
import io
import json
import pprint
import re
import string
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Mapping

from rlm_async.sandbox.handles import touch
from rlm_async.sandbox.policy.facades.tables import Tables, picked
from rlm_async.sandbox.policy.realm import Checked, Realm
from rlm_async.sandbox.policy.refusals import PolicyError
from rlm_async.sandbox.policy.sizes import check_width
from rlm_async.sandbox.policy.surfaces import Function

_RE = """findall finditer search match fullmatch split escape IGNORECASE I MULTILINE M DOTALL S VERBOSE X ASCII A
    UNICODE U compile Pattern Match error RegexFlag NOFLAG"""
_STRING = """ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits printable punctuation whitespace
    capwords Template"""
_UNICODE = "normalize category name lookup combining bidirectional decimal digit numeric"
_LITERAL_CHARACTERS = 1_000_000


def modules(realm: Realm, checked: Checked) -> Tables:
    """The tables of these modules."""
    realm.errors.update({re.error, json.JSONDecodeError, csv.Error})
    realm.substitutes.update({difflib.SequenceMatcher: _matcher(checked), csv.DictReader: _dict_reader,
                              csv.DictWriter: _dict_writer})  # fmt: skip
    return {
        "re": picked(re, _RE)
        | {"sub": _substituting(checked, re.sub), "subn": _substituting(checked, re.subn)},
        "json": _json(checked),
        "string": picked(string, _STRING),
        "textwrap": picked(textwrap, "dedent fill shorten wrap") | {"indent": _indenting(checked)},
        "difflib": picked(difflib, "get_close_matches unified_diff context_diff SequenceMatcher restore")
        | {"ndiff": _ndiff},
        "csv": {
            **picked(csv, "QUOTE_ALL QUOTE_MINIMAL QUOTE_NONNUMERIC QUOTE_NONE DictReader DictWriter"),
            "Error": csv.Error, "reader": _reader, "writer": _writer,
        },
        "html": picked(html, "escape unescape"),
        "unicodedata": picked(unicodedata, _UNICODE),
        "fnmatch": picked(fnmatch, "fnmatchcase filter translate") | {"fnmatch": fnmatch.fnmatchcase},
        "pprint": {"pformat": _pformat, "pprint": _pretty_printer(realm), "pp": _pretty_printer(realm)},
        "io": {"StringIO": io.StringIO, "BytesIO": io.BytesIO},
        "ast": {"literal_eval": literal_eval},
    }  # fmt: skip


def replaced(checked: Checked) -> dict[tuple[type, str], Function]:
    """Methods of these modules' types that call back."""
    return {
        (re.Pattern, "sub"): _substituting(checked, re.Pattern.sub),
        (re.Pattern, "subn"): _substituting(checked, re.Pattern.subn),
    }


def _substituting(checked: Checked, plain: Function) -> Function:
    """`re.sub` and its like: the replacement may be a function."""

    def sub(pattern: object, repl: object, text: object, *rest: object, **named: object) -> object:
        repl = touch(repl)
        if isinstance(repl, str | bytes):
            return plain(pattern, repl, text, *rest, **named)
        function = checked(repl)
        return plain(pattern, lambda match: touch(function(match)), text, *rest, **named)

    return sub


def _json(checked: Checked) -> Mapping[str, object]:
    def loads(text: str | bytes, **options: object) -> object:
        allowed = {"object_hook", "parse_float", "parse_int", "parse_constant", "object_pairs_hook", "strict"}
        _only(allowed, options, "json.loads")
        hooks = {name: checked(hook) for name, hook in options.items() if name != "strict" and hook is not None}
        return json.loads(text, strict=bool(options.get("strict", True)), **hooks)  # type: ignore[arg-type]

    def dumps(value: object, **options: object) -> str:
        allowed = {
            "indent",
            "sort_keys",
            "ensure_ascii",
            "separators",
            "default",
            "allow_nan",
            "skipkeys",
            "check_circular",
        }
        _only(allowed, options, "json.dumps")
        indent = options.get("indent")
        check_width(len(indent) if isinstance(indent, str) else indent)
        if options.get("default") is not None:
            options["default"] = checked(options["default"])
        return json.dumps(value, **options)  # type: ignore[arg-type]

    def load(file: io.StringIO, **options: object) -> object:
        return loads(_file(file).read(), **options)

    def dump(value: object, file: io.StringIO, **options: object) -> None:
        _file(file).write(dumps(value, **options))

    return {"loads": loads, "dumps": dumps, "load": load, "dump": dump, "JSONDecodeError": json.JSONDecodeError}


def _only(allowed: set[str], options: Mapping[str, object], name: str) -> None:
    for option in options:
        if option not in allowed:
            raise PolicyError(f"{name}({option}=...) is not available in this sandbox")


def _file(file: object) -> io.StringIO:
    if type(file) is not io.StringIO:
        raise PolicyError("files here are io.StringIO objects: there is no file system")
    return file


def _indenting(checked: Checked) -> Function:
    def indent(text: str, prefix: str, predicate: object = None) -> str:
        return textwrap.indent(text, prefix, None if predicate is None else checked(predicate))  # type: ignore[arg-type]

    return indent


def _matcher(checked: Checked) -> Function:
    def matcher(
        isjunk: object = None, a: object = "", b: object = "", autojunk: object = 1,
    ) -> difflib.SequenceMatcher[str]:  # fmt: skip
        junk = None if isjunk is None else checked(isjunk)
        return difflib.SequenceMatcher(junk, a, b, bool(autojunk))  # type: ignore[call-overload, no-any-return]

    return matcher


def _ndiff(a: list[str], b: list[str]) -> Iterable[str]:
    return difflib.ndiff(a, b)


def _dialect(options: dict[str, object]) -> dict[str, object]:
    """Formatting options of csv; a dialect is given by its name only."""
    for name, value in options.items():
        if name == "dialect" and type(value) is not str:
            raise PolicyError("csv dialects are given by name here: excel, excel-tab or unix")
    return options


def _reader(rows: Iterable[str], **options: object) -> object:
    return csv.reader(rows, **_dialect(options))  # type: ignore[arg-type]


def _writer(file: object, **options: object) -> object:
    return csv.writer(_file(file), **_dialect(options))  # type: ignore[arg-type]


def _dict_reader(rows: Iterable[str], fieldnames: object = None, **options: object) -> object:
    return csv.DictReader(rows, fieldnames, **_dialect(options))  # type: ignore[call-overload]


def _dict_writer(file: object, fieldnames: object, **options: object) -> object:
    return csv.DictWriter(_file(file), fieldnames, **_dialect(options))  # type: ignore[arg-type]


def _pformat(value: object, indent: int = 1, width: int = 80, depth: int | None = None, **options: bool) -> str:
    check_width(indent)
    return pprint.pformat(value, indent, width, depth, **options)


def _pretty_printer(realm: Realm) -> Callable[..., None]:
    def pretty(value: object, **options: bool) -> None:
        realm.scope_builtin("print")(_pformat(value, **options))  # type: ignore[operator]

    return pretty


def literal_eval(text: object) -> object:
    """`ast.literal_eval`: plain data from Python text."""
    if not isinstance(text, str):
        raise TypeError("literal_eval() takes text here")
    if len(text) > _LITERAL_CHARACTERS:
        raise MemoryError(f"literal_eval() takes at most {_LITERAL_CHARACTERS:,} characters here: use json.loads")
    return ast.literal_eval(text)
