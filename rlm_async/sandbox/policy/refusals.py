"""What the policy says when it says no: one exception, and the hints that tell a model what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar


class PolicyError(Exception):
    """A rule of the sandbox refused something. Its text is written for the model."""


_Error = TypeVar("_Error", ImportError, AttributeError)
_MARK = "withheld by the policy"


def withheld(error: _Error) -> _Error:
    """Mark an ordinary error as the policy's own: Python would have given what was asked for.

    It stays an ImportError or AttributeError, because `try: import numpy except ImportError:` is ordinary code.
    """
    error.__dict__[_MARK] = True
    return error


def is_refusal(error: BaseException) -> bool:
    """Whether the policy said no, rather than Python."""
    return isinstance(error, PolicyError) or _MARK in getattr(error, "__dict__", {})


NODES: Mapping[str, str] = MappingProxyType({
    "TryStar": "`except*` is not available: use `except` with the exception type",
    "TypeAlias": "`type X = ...` is not available: annotations are ignored here, leave it out",
    "TypeVar": "type parameters are not available: annotations are ignored here, leave them out",
    "TemplateStr": "t-strings are not available: use an f-string",
    "Interpolation": "t-strings are not available: use an f-string",
})  # fmt: skip
"""Syntax that is refused: node name -> what to write instead."""

ATTRIBUTES: Mapping[str, str] = MappingProxyType({
    "__dict__": "use vars(obj) for a copy of an object's attributes",
    "__class__": "use type(x), or type(x).__name__ for its name",
    "__traceback__": "an error's place is shown to you by itself; str(e) and type(e).__name__ are available",
    "__cause__": "keep the first error in a variable of your own",
    "__context__": "keep the first error in a variable of your own",
    "__annotations__": "annotations are not kept in this sandbox",
    "__len__": "use len(x)",
    "__iter__": "use iter(x)",
    "__next__": "use next(x)",
    "__getitem__": "use x[key]",
    "__setitem__": "use x[key] = value",
    "__contains__": "use `in`",
    "__str__": "use str(x)",
    "__repr__": "use repr(x)",
    "__add__": "use +",
    "__eq__": "use ==",
    "__hash__": "use hash(x)",
})  # fmt: skip
"""Attributes with a plain way to get the same."""

METHODS: Mapping[str, str] = MappingProxyType({
    "__getattr__": "define the attributes you need, or keep a dict",
    "__getattribute__": "define the attributes you need, or keep a dict",
    "__setattr__": "use a property with a setter",
    "__delattr__": "use a method",
    "__new__": "use __init__, or a function that returns the object",
    "__del__": "use a with statement, or call a method",
    "__await__": "use `async def`",
    "__init_subclass__": "use a decorator on the subclass",
    "__class_getitem__": "annotations are ignored here, leave it out",
    "__get__": "use property",
    "__set__": "use property",
    "__set_name__": "use property",
    "__reduce__": "pickling is not available",
    "__reduce_ex__": "pickling is not available",
    "__prepare__": "metaclasses are not available: use a class decorator",
    "__instancecheck__": "metaclasses are not available",
    "__match_args__": "match on attributes by keyword: case Point(x=0)",
})  # fmt: skip
"""Special methods that a class here may not define."""

BUILTINS: Mapping[str, str] = MappingProxyType({
    "open": "there are no files here: the input is in `context`, and io.StringIO serves as a file in memory",
    "input": "nobody is there to answer: use `context`, or llm_query(...)",
    "eval": "use ast.literal_eval or json.loads for data, and plain code for the rest",
    "exec": "write the code in a block of its own",
    "compile": "write the code in a block of its own",
    "__import__": "use an import statement",
    "breakpoint": "use print",
    "help": "use print, or dir(x)",
    "exit": "let the block end; raise an exception to stop early",
    "quit": "let the block end; raise an exception to stop early",
    "memoryview": "slice bytes instead",
    "locals": "inside a function, use the variables by name or keep a dict",
})  # fmt: skip
"""Builtins that are not offered."""

MODULES: Mapping[str, str] = MappingProxyType({
    "os": "there are no files, processes or environment here; the input is in `context`",
    "os.path": "there are no files here; for names use str.rsplit('/', 1) and str.rpartition('.')",
    "pathlib": "there are no files here; for names use str.rsplit('/', 1) and str.rpartition('.')",
    "sys": "print() writes to the output of the block; there is no other use for it here",
    "subprocess": "processes cannot be started here",
    "threading": "use llm_query_batched(...), asyncio or concurrent.futures.ThreadPoolExecutor",
    "multiprocessing": "use llm_query_batched(...), asyncio or concurrent.futures.ThreadPoolExecutor",
    "pickle": "use json",
    "requests": "there is no network here; ask llm_query(...) or a tool",
    "urllib.request": "there is no network here; ask llm_query(...) or a tool",
    "httpx": "there is no network here; ask llm_query(...) or a tool",
    "openai": "call llm_query(...) instead",
    "anthropic": "call llm_query(...) instead",
    "numpy": "use lists, math and statistics",
    "pandas": "use csv, lists of dicts and collections",
    "tiktoken": "use count_tokens(text)",
    "nltk": "use re",
    "yaml": "use json or re",
    "bs4": "use re and html.unescape",
    "logging": "use print",
    "warnings": "use print",
    "traceback": "print(type(e).__name__, e) in an except clause",
    "inspect": "functions and classes are not open to inspection here",
    "types": "use type(x) and collections.namedtuple",
})  # fmt: skip
"""Modules that models ask for and cannot have."""


def with_hint(text: str, hints: Mapping[str, str], name: str) -> str:
    """`text`, followed by the hint for `name` where there is one."""
    hint = hints.get(name)
    return f"{text}: {hint}" if hint else text
