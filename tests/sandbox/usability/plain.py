"""Runs a theme of the corpus in plain CPython and prints what came out, as JSON.

`python plain.py THEME` prints; `python plain.py --record` writes `expected/*.json` for all themes.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import io
import json
import sys
import traceback
import types
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from rlm_async.sandbox.toolbox import Toolbox  # run as a program: the path comes first
from tests.sandbox.usability import corpus  # the same


class Text(str):
    """A reply that may be awaited."""

    __slots__ = ()

    def __await__(self):
        yield from ()
        return str(self)


Text.__name__ = "str"


class Texts(list):
    """Replies that may be awaited."""

    def __await__(self):
        yield from ()
        return list(self)


class QueryError(Exception):
    """A failed query."""


def llm_query(prompt, context=None, **options):
    try:
        return Text(corpus.answer(prompt))
    except RuntimeError as error:
        raise QueryError(str(error)) from None


def llm_query_batched(prompts, contexts=None, **options):
    out = Texts()
    for prompt in prompts:
        try:
            out.append(str(llm_query(prompt)))
        except QueryError as error:
            out.append(f"Error: QueryError: {error}")
    return out


def namespace(context):
    names = {
        "__name__": "__main__",
        "context": context,
        "QueryError": QueryError,
        "answer": {"content": "", "ready": False},
    }
    names.update(
        llm_query=llm_query,
        rlm_query=llm_query,
        llm_query_batched=llm_query_batched,
        rlm_query_batched=llm_query_batched,
    )
    names.update({n: f for n, f in Toolbox(context, dict).functions().items() if "vars" not in n.lower()})
    names["FINAL"] = names["FINAL_VAR"] = lambda value: names.__setitem__("final", value)
    return names


def run(code, names):
    result = eval(code, names)  # noqa: S307  # plain CPython is what it is for
    if code.co_flags & 0x80:

        async def main(coroutine):
            return await coroutine

        return asyncio.run(main(result))
    return result


def cell(source, names):
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    run(compile(tree, "<cell>", "exec", flags=flags), names)
    if last is not None:
        value = run(compile(ast.Expression(last.value), "<cell>", "eval", flags=flags), names)
        if value is not None:
            print(str.__repr__(value) if isinstance(value, str) else repr(value))


def outcome(snippet):
    names = namespace(corpus.CONTEXTS[snippet.context])
    sys.modules["nest_asyncio"] = types.SimpleNamespace(apply=lambda: None)
    out, error = io.StringIO(), None
    with contextlib.redirect_stdout(out):
        for source in snippet.cells:
            try:
                cell(source, names)
            except Exception as raised:  # noqa: BLE001  # what code raises is part of the record
                lines = [
                    frame.lineno for frame in traceback.extract_tb(raised.__traceback__) if frame.filename == "<cell>"
                ]
                line = raised.lineno if isinstance(raised, SyntaxError) else lines[-1] if lines else 0
                text = raised.msg if isinstance(raised, SyntaxError) else str(raised)
                error = {"type": type(raised).__name__, "message": text, "line": line}
    return {"stdout": out.getvalue(), "error": error}


def theme_outcomes(theme):
    warnings.simplefilter("ignore")
    return {snippet.name: outcome(snippet) for snippet in corpus.snippets(theme)}


def main():
    if sys.argv[1:] == ["--record"]:
        corpus.EXPECTED.mkdir(exist_ok=True)
        for theme in corpus.themes():
            text = json.dumps(theme_outcomes(theme), indent=1, ensure_ascii=False)
            (corpus.EXPECTED / f"{theme}.json").write_text(text + "\n", encoding="utf-8")
    else:
        print(json.dumps(theme_outcomes(sys.argv[1])))


if __name__ == "__main__":
    main()
