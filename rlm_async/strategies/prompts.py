"""The texts a root model is given: one system prompt that never changes, then messages that only add.

Nothing that changes between two turns is in the system prompt, so that a provider's prompt cache serves
all of a conversation but its newest message.
"""

from __future__ import annotations

from collections.abc import Mapping

from rlm_async.core.description import describe
from rlm_async.core.profile import Profile
from rlm_async.core.query import Query
from rlm_async.strategies.examples import demonstrations, examples
from rlm_async.strategies.excerpt import excerpt
from rlm_async.strategies.facts import Facts, budget_line, price_line

QUESTION_CHARACTERS = 20_000
"""A question that is the context too is shown by its ends beyond this."""

HISTORY_CHARACTERS = 2_000
"""Of each earlier question and answer of a session."""

FAMILIES: Mapping[str, str] = {
    "qwen": "Sub-queries cost time and money: put many items into one prompt instead of one item into each.",
}
"""A line for models of a family, found by its name in the model's own; the paper needed the one for Qwen3."""

_PLAIN = """\
- `llm_query(prompt)`: one completion of a language model, as a string. It sees the prompt and nothing else, so \
put the text into it: text first, question last.
- `llm_query_batched(prompts)`: many at once, answers in order. A failed one becomes a string that begins \
with "Error:"."""

_LOOPS = "A plain `for` loop of calls that do not depend on each other is as fast as a batch."


def system_prompt(facts: Facts) -> str:
    """Rules, names and facts that hold for the whole life of a node."""
    parts = [_task(facts), _protocol(facts), _names(facts), _sub_queries(facts), _answering(), _manner(facts)]
    if advice := advice_of(facts.profile):
        parts.insert(1, f"## This input: {facts.profile.about}\n{advice}")
    shown = [examples(facts.levels)] if facts.model.weak else []
    if shown := [*shown, *demonstrations(facts.profile.demonstrations, facts.levels)]:
        parts.append("## Examples\n" + "\n\n".join(shown))
    return "\n\n".join(parts)


def first_message(query: Query, left: Mapping[str, float | None], turns: int, variables: str = "") -> str:
    """The question, what the context looks like, and what there is to spend."""
    parts = [describe(query.context)]
    if query.history:
        parts.append(_history(query.history))
    if variables:
        parts.append(f"Variables that are still there from before:\n{variables}")
    if query.schema:
        parts.append(f"The answer must be data (not text) that fits this JSON Schema:\n{query.schema}")
    parts.append(f"Question: {question(query)}")
    parts.append(f"{budget_line(left, turns)} Begin with code that looks at `context`.")
    return "\n\n".join(parts)


def question(query: Query) -> str:
    """The question as it is shown: in full, unless the context holds every word of it."""
    if len(query.prompt) > QUESTION_CHARACTERS and query.context.text == query.prompt:
        return f"(the whole of it is `context`)\n{excerpt(query.prompt, QUESTION_CHARACTERS)}"
    return query.prompt


def advice_of(profile: Profile) -> str:
    """A profile's advice, and its rules one to a line."""
    return "\n".join(part for part in (profile.advice, *(f"- {rule}" for rule in profile.rules)) if part)


def _task(facts: Facts) -> str:
    level = "" if facts.depth == 0 else f" You are a sub-query yourself, at depth {facts.depth}."
    window = "" if facts.model.window is None else f" Your own window holds {facts.model.window:,} tokens."
    return (
        "You answer a question about an input that you are never shown whole. It is the variable `context` in a "
        "Python session. You write code; it is run; you see what it printed; you go on until you have the answer."
        f"{level}{window}"
    )


def _protocol(facts: Facts) -> str:
    return f"""## How to reply
Put Python into a fenced block tagged `repl`:
```repl
print(peek(500))
```
- All blocks of a reply run in order. Variables, functions and imports stay for later replies.
- You see what is printed and the value of a block's last expression: up to {facts.output_characters:,} \
characters a reply, the rest cut from the middle. Print what you need to know, never the whole input.
- Code alone counts. Do not write what it will print: output that you write yourself is ignored.
- After an error the variables set before it are kept: mend the line and go on.
- The standard library's pure parts can be imported (re, json, math, collections, itertools, datetime, csv, …). \
There are no files, no network and no other packages."""


def _names(facts: Facts) -> str:
    lines = [
        "## Names in the session",
        "- `context`: the input",
        "- `peek(n)`: its first n characters; of several documents, how each begins",
        "- `grep(pattern, max=50)`: lines that match a regular expression, as dicts with doc, line, offset, text",
        "- `search(query, k=5)`: the passages that fit some words best (BM25), as dicts with doc, offset, score, text",
        '- `chunks(size, overlap=0, by="characters")`: the input in pieces; by lines, paragraphs, sentences, tokens, …',
        "- `over=text` makes each of these look at another text, list or dict instead",
        "- `count_tokens(text)`: its length in tokens, about",
        "- `budget()`: what is left to spend; `show_vars()`: your variables",
    ]
    if facts.profile.functions:
        lines.append(f"For {facts.profile.about}, defined already:")
        lines += [f"- `{signature}`: {line}" for signature, line in facts.profile.functions.items()]
    if facts.profile.method:
        lines.append(facts.profile.method)
    if facts.tools:
        lines.append("Functions lent by the caller:")
        lines += [f"- `{name}`: {line}" for name, line in sorted(facts.tools.items())]
    return "\n".join(lines)


def _sub_queries(facts: Facts) -> str:
    if facts.levels == 0:
        return "## Sub-queries\nThere are none in this run: `llm_query` and `rlm_query` refuse. Answer with code alone."
    parts = [
        "## Sub-queries",
        _PLAIN,
        f"- {_recursion(facts)}",
        "- With `schema={...}` (a JSON Schema) each of these returns parsed data instead of text.",
        f"- They are answered by {_sub_model(facts)}",
        f"- {_concurrency(facts)} {_LOOPS} At most {facts.limits.fanout:,} sub-queries for this node.",
    ]
    return "\n".join(parts)


def _recursion(facts: Facts) -> str:
    calls = "`rlm_query(prompt, context)` and `rlm_query_batched(prompts, contexts)`"
    if facts.levels == 1:
        return f"{calls}: at this depth the same as `llm_query`, one plain completion."
    return (
        f"{calls}: the same, answered by a child with a session of its own over `context`, for a part that is too "
        f"large or too involved for one completion. {facts.levels} levels of sub-queries are left, the last of them "
        "plain completions."
    )


def _sub_model(facts: Facts) -> str:
    price = f", {costs}" if (costs := price_line(facts.sub)) else ""
    comfort = f"reliable up to about {facts.comfort:,} characters a prompt"
    if facts.capacity is None:
        return f"{facts.sub.name}{price}: {comfort}."
    return f"{facts.sub.name}{price}: {comfort}, full at about {facts.capacity:,}."


def _concurrency(facts: Facts) -> str:
    if facts.sub.concurrency is None:
        return "They run at the same time."
    return f"Up to {facts.sub.concurrency:,} of them run at the same time."


def _answering() -> str:
    return """## How to answer
From code, once you are sure:
```repl
answer["content"] = result
answer["ready"] = True
```
`FINAL(value)`, `FINAL_VAR("name")` and `SUBMIT(value)` do the same. A long answer can be built up in a variable. \
`answer["content"]` alone is a draft, kept in case the budget runs out."""


def _manner(facts: Facts) -> str:
    lines = [
        "## Manner",
        "- Look before you compute: length, shape, a sample. Then find, filter or split with code.",
        "- What code can decide exactly (counting, sorting, matching, dates), code decides.",
    ]
    if facts.levels:
        lines.append("- What needs reading, a sub-query decides, on pieces well inside its reliable length.")
    lines.append("- Check the result against the input before you answer; leave one turn in hand for it.")
    lines += [f"- {line}" for family, line in FAMILIES.items() if family in facts.model.name.lower() and facts.levels]
    return "\n".join(lines)


def _history(history: tuple[tuple[str, str], ...]) -> str:
    turns = [
        f"Q: {excerpt(asked, HISTORY_CHARACTERS)}\nA: {excerpt(answered, HISTORY_CHARACTERS)}"
        for asked, answered in history
    ]
    return "Earlier in this conversation:\n" + "\n".join(turns)
