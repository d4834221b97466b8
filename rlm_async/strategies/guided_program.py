"""The program that `guided` runs in place of one that a model would write: find, ask, check, reduce.

It is ordinary code for the sandbox and may do what any model's code may. The host sets its parameters
(QUESTION, WAVES, GROUP, MOST, PIECE), runs PROGRAM once, then `step()` until there is an answer; after each
step the best answer so far stands as a draft. The answer is data, which `rlm_async.strategies.guided` words.
"""

from __future__ import annotations

from rlm_async.strategies.lookup_program import LOOKUP
from rlm_async.strategies.survey_program import SURVEY

_COMMON = r'''
import re

STOP = set("""a an the of in on at to for from by with about is are was were be been do does did has have had can could
will would should shall may might must which what who whom whose when where why how many much there it its this that
these those and or not no as if than then into over any all some per use used uses using give gives given tell me
please find according text document documents""".split())

def texts(limit):
    return {"type": "string", "maxLength": limit}


def shaped(**properties):
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def norm(text):
    return re.sub(r"\s+", " ", str(text)).strip(" .,;:'\"`").lower()


def keywords(question):
    found = []
    for word in re.findall(r"\w+(?:\.\w+)*", question):
        for part in [word] + word.split(".") + word.split("_"):
            if part.lower() not in STOP and len(part) > 1 and part not in found:
                found.append(part)
    return found or re.findall(r"\w+", question)


WORDS = keywords(QUESTION)
LOWER = [word.lower() for word in WORDS]
DOCS = context if isinstance(context, dict) else {}
if isinstance(context, list):
    DOCS = {str(i): text for i, text in enumerate(context)}
if isinstance(context, str):
    DOCS = {"context": context}
SIZE = sum(len(text) for text in DOCS.values())
'''

_PLAN = r"""
def shape():
    exact = re.search(r"(?i)how (?:often|many (?:times|lines)).{0,60}?[\"'`]([^\"'`]{1,80})[\"'`]", QUESTION)
    if exact and re.search(r"(?i)\b(?:occur|appear|contain|mention|stand|word|string|phrase)", QUESTION):
        return Exact(exact.group(1))
    if re.search(COUNTING, QUESTION):
        pieces = records()
        if pieces:
            return Tally(pieces)
    if re.search(DIGESTING, QUESTION):
        return Digest()
    return Lookup()


PLAN = shape()


def step():
    done = PLAN.step()
    answer["content"] = PLAN.state
    if done:
        answer["ready"] = True
    print(PLAN.state["shape"], "read", PLAN.state["read"], "answer", PLAN.state["answer"])
"""

PROGRAM = "\n\n".join(part.strip() for part in (_COMMON, LOOKUP, SURVEY, _PLAN)) + "\n"

ONLY_FIND = """
found = [{"doc": doc, "text": text[:1500]} for wave in candidates() for doc, start, text in wave]
answer["content"] = {"shape": "lookup", "read": 0, "failed": [], "passages": found, "answer": None}
answer["ready"] = True
"""
"""In place of steps, where no sub-query may be asked: the passages themselves."""
