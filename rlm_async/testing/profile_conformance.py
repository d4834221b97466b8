"""What every profile must do, as claims to run against a plugin's, found by its entry point.

A claim takes a `Subject` and raises AssertionError where the profile fails it. With pytest::

    SUBJECT = Subject("mine", connect)   # connect(seconds) opens a factory of sandboxes

    @pytest.mark.parametrize("claim", PROFILE_CLAIMS, ids=lambda claim: claim.__name__)
    async def test_my_profile(claim):
        await claim(SUBJECT)

`rlm-async profile check NAME` runs the same.
"""

from __future__ import annotations

import ast
import json
import math
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from rlm_async.core.context import Context, Document
from rlm_async.core.data import as_text, plain
from rlm_async.core.profile import Example, Profile
from rlm_async.core.transcript import Output
from rlm_async.ports import SandboxFactory
from rlm_async.testing.sandbox_conformance import Connect, EchoHost

GROUP = "rlm_async.profiles"
ADVICE_CHARACTERS = 4_000
"""Of advice and method each: they stand in every root's prompt."""
LINE_CHARACTERS = 250
PREAMBLE_CHARACTERS = 100_000
SURE = 0.5
LARGE = 10_000_000
JUDGING_SECONDS = 2.0
"""Processor time for a look at 10 MB: a look takes milliseconds, a regular expression over all of it takes more."""
_CELL_SECONDS = 20.0

PROSE = (
    "It was late in the year when the boat came in. Nobody on the quay had expected it, and so nobody had thought "
    "to light the lamp; the harbour master, who slept above the net loft, heard the bell twice before he believed "
    "it. Rain had fallen since noon.\n\nBy morning the whole village knew. Some said that the captain had turned "
    "back for want of fish, others that he had seen something that he would not speak of.\n\n"
)
"""What no profile may take for its own."""

UGLY = (
    "",
    " \r\n\t\n",
    "\ufeff\x00\x0b\x0c\u2028 \ud83d\ude00 \u202e mixed \r\n lines \r and\n ends",
    "(((([[[[{{{{\"\"\"''' \\\\ :::: ---- ==== #### 1. 1.1 (a) [1] @ < > |\n" * 50,
    "x" * 200_000,
    ("a, b; " * 20_000) + "\n" + "1" * 5_000,
)
"""What files hold when something went wrong with them."""


@dataclass(frozen=True)
class Subject:
    """A profile by name, a way to sandboxes, and the folder that examples which it does not bring are below."""

    name: str
    connect: Connect
    data: Path | None = None

    @cached_property
    def profile(self) -> Profile:
        """What the entry point gives."""
        found = [entry for entry in entry_points(group=GROUP) if entry.name == self.name]
        _true(bool(found), f"no installed distribution has an entry point {self.name!r} in the group {GROUP}")
        made = found[0].load()()
        _true(isinstance(made, Profile), f"the entry point gives a {type(made).__name__} and no Profile")
        assert isinstance(made, Profile)  # noqa: S101 - for the type checker: the line above has said so
        return made

    def examples(self) -> Iterator[tuple[Example, Context]]:
        """The examples whose texts are there, as they are read from disk."""
        folders = [folder for folder in (self.profile.data, self.data) if folder is not None]
        for example in self.profile.examples:
            path = next((folder / example.path for folder in folders if (folder / example.path).exists()), None)
            if path is not None:
                yield example, read(path)


Claim = Callable[[Subject], Awaitable[None]]


@dataclass(slots=True)
class _Words:
    """The words that a text holds; of JSON those of its values."""

    found: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, context: Context) -> _Words:
        words = cls()
        for document in context:
            words.add(document.text)
        return words

    def add(self, text: str) -> None:
        for line in [text, *text.splitlines()] if text.lstrip()[:1] in {"{", "["} else []:
            try:
                self._values(json.loads(line))
            except (ValueError, RecursionError):
                continue
            if line is text:
                return
        if not self.found:
            self.found |= set(re.findall(r"\w+", text))

    def _values(self, value: object) -> None:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                self._values(item)
        elif isinstance(value, str):
            self.found |= set(re.findall(r"\w+", value))


def read(path: Path) -> Context:
    """A file as a text, a folder as a corpus of the text files below it."""
    if path.is_file():
        return Context.of(path.read_text("utf-8", errors="replace"))
    skipped = ("__pycache__", ".")
    found = (file for file in path.rglob("*") if file.is_file())
    files = sorted(f for f in found if not any(part.startswith(skipped) for part in f.relative_to(path).parts))
    documents = (Document(str(file.relative_to(path)), file.read_text("utf-8", errors="replace")) for file in files)
    return Context(tuple(documents), "corpus", folders=(str(path),))


async def it_is_found_by_its_name(subject: Subject) -> None:
    """The entry point and the profile have the same name."""
    _equal(subject.profile.name, subject.name)


async def its_texts_are_short(subject: Subject) -> None:
    """A prompt has room for them; each says something."""
    profile = subject.profile
    _true(0 < len(profile.about) <= LINE_CHARACTERS and "\n" not in profile.about, "`about` is one line")
    _true(bool(profile.advice.strip()), "`advice` says nothing")
    for part in (profile.advice, profile.method):
        _true(len(part) <= ADVICE_CHARACTERS, f"{len(part):,} characters of advice; at most {ADVICE_CHARACTERS:,}")
    for signature, line in profile.functions.items():
        long = 0 < len(line) <= LINE_CHARACTERS and "\n" not in line
        _true(long, f"`{signature}` needs one line of at most {LINE_CHARACTERS} characters")
    _true(len(profile.preamble) <= PREAMBLE_CHARACTERS, f"the preamble has {len(profile.preamble):,} characters")


async def its_schemas_are_json_schemas(subject: Subject) -> None:
    """By the specification of 2020-12."""
    for name, schema in subject.profile.schemas.items():
        try:
            Draft202012Validator.check_schema(json.loads(json.dumps(plain(schema))))
        except SchemaError as error:
            raise AssertionError(f"the schema {name!r} is none: {error.message}") from error


async def it_knows_its_own_and_no_prose(subject: Subject) -> None:
    """From 0 to 1; sure of its examples, and not of a story, of nothing, or of rubbish."""
    for example, context in subject.examples():
        sure = _sure(subject.profile, context)
        _true(sure >= SURE, f"only {sure:.2f} sure of its own example {example.path}")
    for text in (PROSE, PROSE * 200, *UGLY):
        sure = _sure(subject.profile, Context.of(text))
        _true(sure < SURE, f"{sure:.2f} sure that this is its kind: {text[:60]!r}")
    for nothing in (Context.of([]), Context.of({})):
        _true(_sure(subject.profile, nothing) < SURE, "sure of no documents at all")


async def it_judges_at_a_glance(subject: Subject) -> None:
    """Ten megabytes of prose, and of each example, and many small documents."""
    samples = [context.text for _, context in subject.examples()][:3]
    large = [Context.of((text * math.ceil(LARGE / len(text)))[:LARGE]) for text in (PROSE, *samples) if text]
    many = Context.of({f"{i}.txt": PROSE for i in range(LARGE // len(PROSE))})
    for context in (*large, many):
        before = time.thread_time()
        _sure(subject.profile, context)
        took = time.thread_time() - before
        _true(took <= JUDGING_SECONDS, f"{took:.1f} s of processor time for a look at 10 MB")


async def preparing_loses_nothing(subject: Subject) -> None:
    """Every word of the input stands in what is asked about, whatever was read."""
    ugly = [Context.of(text) for text in UGLY]
    for context in (*(context for _, context in subject.examples()), Context.of(PROSE), *ugly):
        made = subject.profile.prepare(context)
        _true(isinstance(made, Context), f"`prepare` gives a {type(made).__name__}")
        text = " ".join([made.text, *(document.name for document in made)])
        lost = sorted(_Words.of(context).found - set(re.findall(r"\w+", text)))
        _true(not lost, f"`prepare` lost {len(lost)} words, among them {lost[:5]}")


async def its_functions_are_there(subject: Subject) -> None:
    """Each signature is one; the preamble defines a function of that name in the jail, whatever the input's shape."""
    names = [_named(signature) for signature in subject.profile.functions]
    cells = [f"print({', '.join(f'callable({name})' for name in names)})"] if names else []
    shapes = (Context.of(""), Context.of("one"), Context.of(["one", "two"]), Context.of({"a": "one"}), Context.of({}))
    async with subject.connect(_CELL_SECONDS) as factory:
        for context in shapes:
            for output in await _ran(factory, subject.profile, context, cells):
                _equal(output.stdout.split(), ["True"] * len(names))


async def its_functions_stand_ugly_input(subject: Subject) -> None:
    """Each that can be called without arguments is, in the jail, on what files hold when something went wrong."""
    calls = [f"{_named(signature)}()" for signature in subject.profile.functions if _bare(signature)]
    several = (Context.of(list(UGLY)), Context.of({f"{i}": text for i, text in enumerate(UGLY)}))
    async with subject.connect(_CELL_SECONDS) as factory:
        for context in (*map(Context.of, UGLY), *several) if calls else ():
            made = subject.profile.prepare(context)
            outputs = await _ran(factory, subject.profile, made, [f"str({call})[:10]" for call in calls])
            for call, output in zip(calls, outputs, strict=True):
                _fine(output, f"{call} over {context.documents[0].text[:40]!r} as {context.shape}")


async def its_examples_are_right(subject: Subject) -> None:
    """Their solutions, run in the jail over the text as it is prepared, give what is expected; at least one of them."""
    tried = [(example, context) for example, context in subject.examples() if example.solution]
    _true(bool(tried), "no example with a solution has its text at hand: bring one below `Profile.data`")
    async with subject.connect(_CELL_SECONDS) as factory:
        for example, context in tried:
            prepared = subject.profile.prepare(context)
            (solved,) = await _ran(factory, subject.profile, prepared, [example.solution])
            _fine(solved, f"the solution of {example.question!r}")
            said = as_text(solved.answer.value) if solved.answer is not None else solved.stdout
            right = example.expected.lower() in said.lower()
            _true(right, f"{example.question!r} is answered {said[:300]!r}, and not {example.expected!r}")


PROFILE_CLAIMS: tuple[Claim, ...] = (
    it_is_found_by_its_name,
    its_texts_are_short,
    its_schemas_are_json_schemas,
    it_knows_its_own_and_no_prose,
    it_judges_at_a_glance,
    preparing_loses_nothing,
    its_functions_are_there,
    its_functions_stand_ugly_input,
    its_examples_are_right,
)


async def _ran(factory: SandboxFactory, profile: Profile, context: Context, cells: list[str]) -> list[Output]:
    """What cells come to in a session of their own, behind the preamble."""
    async with factory.open(context, EchoHost()) as sandbox:
        if profile.preamble:
            _fine(await sandbox.run(profile.preamble), f"the preamble, over a context of the shape {context.shape}")
        return [await sandbox.run(cell) for cell in cells]


def _sure(profile: Profile, context: Context) -> float:
    sure = float(profile.fits(context))
    _true(0.0 <= sure <= 1.0, f"`fits` gives {sure}, which is not between 0 and 1")
    return sure


def _definition(signature: str) -> ast.FunctionDef:
    try:
        (made,) = ast.parse(f"def {signature}: pass").body
    except (SyntaxError, ValueError) as error:
        raise AssertionError(f"`{signature}` is no signature such as `name(a, b=None)`") from error
    if not isinstance(made, ast.FunctionDef):
        raise AssertionError(f"`{signature}` is no signature such as `name(a, b=None)`")  # noqa: TRY004 - a claim fails
    return made


def _named(signature: str) -> str:
    return _definition(signature).name


def _bare(signature: str) -> bool:
    """Whether it can be called without arguments."""
    arguments = _definition(signature).args
    required = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return required == 0 and all(default is not None for default in arguments.kw_defaults)


def _fine(output: Output, what: str) -> None:
    _true(output.outcome == "ok", f"{what} ended {output.outcome}: {output.error}")


def _equal(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"expected {expected!r}, got {found!r}")


def _true(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - an assertion
    if not holds:
        raise AssertionError(otherwise)
