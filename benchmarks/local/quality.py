"""How good and how fast the local models are, on text that every Python has: its standard library.

Three tasks over twenty facts that stand in the sources of Python 3.11 to 3.14:

    extract   a passage that holds the fact, a JSON Schema: is the answer right?
    abstain   a passage from elsewhere: does it say "not found", as it was told to?
    relevant  both passages, one word of a grammar, yes or no: is it the right word?

    python benchmarks/local/quality.py [local:0.5b local:1.5b …] [--json FILE]

Greedy decoding: the scores vary by one or two between machines, the speeds with the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import sysconfig
import time
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rlm_async.core.budget import Budget
from rlm_async.core.messages import Message, Request
from rlm_async.core.usage import Limits
from rlm_async.errors import RLMError
from rlm_async.models.local.opening import open_local
from rlm_async.models.local.progress import reporter

BEFORE, AFTER = 12, 14
"""Lines of a passage before and after the one that holds the fact: about 300 tokens in all."""


@dataclass(frozen=True)
class Fact:
    """A question, what a right answer holds, and the words by which its line is found in a file."""

    file: str
    anchor: str
    question: str
    expected: tuple[str, ...]


FACTS = (
    Fact(
        "asyncio/constants.py",
        "matches that of Nginx",
        "Which web server's timeout does the SSL handshake timeout match?",
        ("nginx",),
    ),
    Fact("asyncio/constants.py", "SSL_SHUTDOWN_TIMEOUT", "How many seconds is the SSL shutdown timeout?", ("30",)),
    Fact(
        "asyncio/constants.py",
        "LOG_THRESHOLD_FOR_CONNLOST",
        "After how many writes to a lost connection are warnings logged?",
        ("5", "five"),
    ),
    Fact("mailbox.py", "60 * 60 * 36", "After how many hours are old files in the tmp folder deleted?", ("36",)),
    Fact(
        "ftplib.py",
        "no anonymous ftp password",
        "Which password is used for an anonymous login when none is given?",
        ("anonymous@",),
    ),
    Fact("smtplib.py", "Eric S. Raymond", "Who added the ESMTP support?", ("raymond",)),
    Fact("smtplib.py", "by Carey Evans", "Who improved the RFC 821 compliance for picky mail servers?", ("evans",)),
    Fact("getpass.py", "Gregory P. Smith", "Who added the tty support?", ("smith",)),
    Fact("uuid.py", "1582-10-15", "On which date does the UUID epoch begin?", ("1582",)),
    Fact(
        "turtle.py",
        "original Logo programming language",
        "In which year was the Logo programming language developed?",
        ("1966", "1967"),
    ),
    Fact(
        "concurrent/futures/process.py",
        "It can wait on, at most",
        "How many objects can WaitForMultipleObjects wait on at most?",
        ("63",),
    ),
    Fact("http/cookies.py", "Dave Mitchell", "Who released cookie code in 1995?", ("mitchell",)),
    Fact("heapq.py", "Original code by", "Who wrote the original code?", ("o'connor",)),
    Fact("heapq.py", "explanation by", "Who wrote the explanation of heaps?", ("pinard",)),
    Fact("socketserver.py", "request_queue_size = ", "What is the size of the request queue?", ("5",)),
    Fact("difflib.py", "n >= 200", "How long must a sequence be for the automatic junk heuristic to apply?", ("200",)),
    Fact("textwrap.py", "tabsize", "How many columns does a tab take by default?", ("8",)),
    Fact("functools.py", "def lru_cache(", "What is the default maximum size of the cache?", ("128",)),
    Fact("secrets.py", "DEFAULT_ENTROPY = ", "How many bytes of randomness are returned by default?", ("32",)),
    Fact("cmd.py", "PROMPT = ", "What is the default prompt?", ("(cmd)",)),
)

EXTRACT = 'Answer the question from the text alone, as short as possible. If the text does not say it, the answer is "not found".'
RELEVANT = "Does the text hold the answer to the question?"


@dataclass
class Score:
    """One model's results: right answers by task, and what they took."""

    model: str
    right: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("extract", "abstain", "relevant"), 0))
    asked: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("extract", "abstain", "relevant"), 0))
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


def passage(library: Path, fact: Fact) -> str | None:
    """The lines around a fact; None where this Python has them no more."""
    path = library / fact.file
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines):
        if fact.anchor in line:
            return "\n".join(lines[max(0, number - BEFORE) : number + AFTER])
    return None


def schema(**properties: object) -> str:
    """A closed object of those properties, all required."""
    shape = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return json.dumps(shape)


async def ask(model, score: Score, text: str, task: str, fact: Fact) -> str:
    """One answer. Text first, question last: the second question on a text reads only itself."""
    shape = {"type": "string", "enum": ["yes", "no"]} if task == RELEVANT else {"type": "string", "maxLength": 120}
    prompt = f"Text of {fact.file}:\n{text}\n\n{task}\nQuestion: {fact.question}"
    request = Request(model="local", messages=(Message("user", prompt),), schema=schema(answer=shape), max_tokens=80)
    began = time.perf_counter()
    completion = await model(request, Budget("quality", Limits()))
    score.seconds += time.perf_counter() - began
    score.prompt_tokens += completion.usage.prompt_tokens
    score.cached_tokens += completion.usage.cached_tokens
    score.completion_tokens += completion.usage.completion_tokens
    try:
        return str(json.loads(completion.text)["answer"]).lower()
    except ValueError:
        return ""  # cut at max_tokens: wrong


async def measure(name: str, items: list[tuple[Fact, str, str]], *, verbose: bool) -> Score:
    """All tasks with one model. Each item: a fact, its passage, another passage."""
    score = Score(name)

    def count(task: str, fact: Fact, *, right: bool, said: str) -> None:
        score.asked[task] += 1
        score.right[task] += right
        if verbose or not right:
            print(f"  {task:8} {'right' if right else 'WRONG'}  {fact.question}  ->  {said[:70]}", file=sys.stderr)

    with reporter(sys.stderr) as told:
        model = open_local(name, told)
        async with aclosing(model):
            for fact, own, other in items:
                said = await ask(model, score, own, EXTRACT, fact)
                count("extract", fact, right=any(word in said for word in fact.expected), said=said)
                said = await ask(model, score, own, RELEVANT, fact)
                count("relevant", fact, right=said == "yes", said=said)
                said = await ask(model, score, other, EXTRACT, fact)
                count("abstain", fact, right="not found" in said, said=said)
                said = await ask(model, score, other, RELEVANT, fact)
                count("relevant", fact, right=said == "no", said=said)
    return score


def row(score: Score) -> str:
    """A line of the table in docs/local-model.md."""
    results = " | ".join(f"{score.right[task]}/{score.asked[task]}" for task in score.right)
    read = score.prompt_tokens - score.cached_tokens
    calls = sum(score.asked.values())
    return f"| {score.model} | {results} | {read / calls:.0f} | {score.completion_tokens / calls:.0f} | {score.seconds / calls:.1f} |"


def measured(models: list[str], items: list[tuple[Fact, str, str]], *, verbose: bool) -> list[Score]:
    """One model after the other; each row is printed as soon as it is known."""
    print("| model | extract | abstain | relevant | prompt tokens read a call | written | seconds a call |")
    print("|---|---|---|---|---|---|---|", flush=True)
    scores = []
    for name in models:
        scores.append(asyncio.run(measure(name, items, verbose=verbose)))
        print(row(scores[-1]), flush=True)
    return scores


def main() -> int:
    """Measure the models named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["local"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--facts", type=int, default=len(FACTS), help="only the first so many")
    parser.add_argument("--verbose", action="store_true")
    call = parser.parse_args()
    library = Path(sysconfig.get_path("stdlib"))
    found = [(fact, text) for fact in FACTS[: call.facts] if (text := passage(library, fact)) is not None]
    for fact in set(FACTS[: call.facts]) - {fact for fact, _ in found}:
        print(f"left out, not in this Python: {fact.file}: {fact.anchor}", file=sys.stderr)
    others = [found[(i + 7) % len(found)][1] for i in range(len(found))]
    items = [(fact, text, other) for (fact, text), other in zip(found, others, strict=True)]
    try:
        scores = measured(call.models, items, verbose=call.verbose)
    except RLMError as error:
        print(error, file=sys.stderr)
        return 1
    if call.json:
        call.json.write_text(json.dumps([asdict(score) for score in scores], indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
