"""What makes a profile of conversations: words for the prompt, functions, schemas, examples."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from rlm_async.core.data import Data
from rlm_async.core.preamble import preamble
from rlm_async.core.profile import Example, Profile
from rlm_async_support.judging import fits
from rlm_async_support.loading import prepare

ADVICE = """\
- What somebody says is their view at that time: later turns mend it. The first message tells the trouble, seldom the cause.
- A status in a header is what somebody clicked. Whether it was solved, the customer's last words tell better; tell both \
where they differ.
- "Have you tried …" is no solution, and "I have passed it on" no answer. The solution is what came before it worked.
- Keep people apart: the customer, those who answer, and what a machine sends by itself. One person may write under two names.
- Messages quote earlier ones (lines with `>`, text below a signature): count what was said once.
- Give ticket, line and the words for what you say; leave out what names a person where the question does not ask for it."""

METHOD = """\
How to go about it: `tickets()` is the table to begin with; count and filter there, by code. `turns(doc)` and `people()` say who \
said what and when. `resolution()` goes by the header and by set phrases: where its status matters, have a sub-query read the \
last turns of each ticket, many tickets in one prompt. What `turns()` finds no turns in has another form: look at it with \
`peek` first."""

FUNCTIONS = {
    "tickets(doc=None)": "one row a conversation: doc, id, subject, status, opened, turns, people, customer, fields (its header)",
    "turns(doc=None, who=None)": "what was said: doc, n, who, role (customer, agent, bot), time, line, start, end, text; `who` is a name or a role",
    "people(doc=None)": "who speaks: who, role, turns, words, docs, first, last",
    "resolution(doc=None)": "how each ended: doc, status (resolved, open, unclear), by, line, text, why",
}

SCHEMAS: dict[str, dict[str, Data]] = {
    "resolution": {
        "type": "object",
        "required": ["tickets"],
        "properties": {
            "tickets": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["ticket", "status", "cause", "solution"],
                    "properties": {
                        "ticket": {"type": "string"},
                        "status": {"enum": ["resolved", "open", "unclear"]},
                        "cause": {"type": "string"},
                        "solution": {"type": "string", "description": "What helped; empty where nothing has yet."},
                        "quote": {"type": "string", "description": "The words that show it, letter by letter."},
                    },
                },
            }
        },
    },
    "people": {
        "type": "object",
        "required": ["people"],
        "properties": {
            "people": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "role"],
                    "properties": {
                        "name": {"type": "string"},
                        "role": {"enum": ["customer", "agent", "bot", "unknown"]},
                    },
                },
            }
        },
    },
}

SESSION = ("turns", "tickets")
"""Parts of the preamble, in order."""

EXAMPLES = (
    Example(
        question="Which tickets are not resolved, and who waits?",
        path="tickets",
        expected="4712.txt: Dele Adeyemi",
        solution='who = {t["doc"]: t["customer"] for t in tickets()}\n'
        'FINAL("; ".join(r["doc"] + ": " + who[r["doc"]] for r in resolution() if r["status"] == "open" and "otherwise" not in r["why"]))',
    ),
    Example(
        question="Whose advice solved the sync problem, and in which line is it?",
        path="tickets/4711.txt",
        expected="Priya, line 14",
        solution='said = turns(who="agent")\n'
        'thanks = next(t for t in turns(who="customer") if "That did it" in t["text"])\n'
        'last = [t for t in said if t["n"] < thanks["n"]][-1]\n'
        'FINAL(last["who"] + ", line " + str(last["line"]))',
    ),
    Example(
        question="How many messages did each person write?",
        path="export.jsonl",
        expected="Rui (customer) 2, Kim (agent) 2, Noor (customer) 1",
        solution='FINAL(", ".join(p["who"] + " (" + p["role"] + ") " + str(p["turns"]) for p in people()))',
    ),
)


def profile() -> Profile:
    """The profile `support`."""
    package = files("rlm_async_support")
    return Profile(
        name="support",
        about="conversations with a help desk",
        advice=ADVICE,
        method=METHOD,
        functions=FUNCTIONS,
        preamble=preamble(*((package / "session" / f"{part}.py").read_text("utf-8") for part in SESSION)),
        schemas=SCHEMAS,
        prepare=prepare,
        fits=fits,
        examples=EXAMPLES,
        data=Path(str(package / "texts")),
    )
