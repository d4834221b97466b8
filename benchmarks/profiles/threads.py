"""Conversations: what banks' customers ask (BANKING77, or our own sample), with replies and ends of our own making."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from benchmarks.profiles.asking import KIT, NAMES, by_pieces, known, place
from benchmarks.profiles.trial import Case
from rlm_async.bench.corpora import requests
from rlm_async.bench.sim.programs import DOCS
from rlm_async.core.context import Context

SIZE = 60
AGENTS = ("Ana", "Jonas", "Kofi", "Mei")
CUSTOMERS = ("Dele Adeyemi", "Mara Lind", "Wen Zhao", "Rui Costa", "Noor Khan", "Iva Novak", "Tom Vane", "Lena Roth")
ADVICE = (
    "I have looked into your account. Please sign out, wait a minute, and sign in again.",
    "Could you tell me the last four digits of the card, and when it happened?",
    "I have passed this on to the payments team; they work on it now.",
    "Please update to the newest version first, and try once more.",
)
# Made up by whoever made up the profile's set phrases; two of the six of each kind hold none of those, on purpose.
SOLVED = (
    "That did it, thank you!",
    "It works now. Thanks for the quick help.",
    "All good, you can close the ticket.",
    "Problem solved, cheers.",
    "I see the money on my account today, so I am happy.",
    "Yes! Finally got in.",
)
OPEN = (
    "It still does not work, please help.",
    "Any news? I have waited for three days.",
    "That did not help at all.",
    "No luck. The same message comes up each time.",
    "I would like to speak to somebody else about this now.",
    "Same thing as before, and now the app closes by itself too.",
)
THING = "the customer's problem is solved"

WITH = f"""PLAN = {{"clauses": [{THING!r}]}}
{DOCS}
{KIT}
rows = resolution()
doubtful = [row["doc"] for row in rows if row["status"] == "unclear" or "otherwise" in row["why"]]
replies = llm_query_batched([piece_prompt(name, DOCS[name], PLAN) for name in doubtful])
read = {{name: merged([reply], PLAN)[{THING!r}] for name, reply in zip(doubtful, replies)}}
names = [row["doc"] for row in rows if read.get(row["doc"], row["status"] == "resolved")]
{NAMES}"""


def cases(data: Path | None, windows: int) -> Iterator[Case]:
    """Which tickets are solved, and how many of them an agent answered."""
    asked = [text for text, _ in requests(data).items]
    for seed in range(windows):
        chance = Random(f"profiles/support/{seed}")
        texts, solved = {}, {}
        for number, text in enumerate(chance.sample(asked, min(SIZE, len(asked)))):
            name, end = f"T-{seed}{number:03}", chance.random() < 0.5
            said = chance.choice(SOLVED if end else OPEN)
            texts[name] = thread(name, text, said, chance)
            solved[name] = place(texts[name], texts[name].rfind("] ") + 2) if end else ""
        yield Case(
            window=seed,
            family="solved",
            context=Context.of(texts),
            question="Which tickets are solved? Reply with 'Answer:' and then one ticket a line.",
            gold="\n".join(name for name, anchor in solved.items() if anchor),
            kind="set",
            knowledge=known({name: {THING: (anchor,)} for name, anchor in solved.items() if anchor}),
            programs={"without": by_pieces(THING), "with": WITH},
        )
        agent = chance.choice(AGENTS)
        thing = f"{agent} writes in it"
        writes = {name: text.find(f"{agent} (agent)") for name, text in texts.items()}
        yield Case(
            window=seed,
            family="agent",
            context=Context.of(texts),
            question=f"In which tickets did {agent} answer? Reply with 'Answer:' and then one ticket a line.",
            gold="\n".join(name for name, at in writes.items() if at >= 0),
            kind="set",
            knowledge=known({name: {thing: (place(texts[name], at),)} for name, at in writes.items() if at >= 0}),
            programs={
                "without": by_pieces(thing),
                "with": f"names = sorted({{turn['doc'] for turn in turns() if turn['who'] == {agent!r}}})\n{NAMES}",
            },
        )


def thread(name: str, text: str, end: str, chance: Random) -> str:
    customer, agents = chance.choice(CUSTOMERS), chance.sample(AGENTS, 2)
    lines = [
        f"Ticket: {name}",
        f"Customer: {customer}",
        "",
        f"[2025-03-01 08:{chance.randrange(60):02}] {customer}: {text}",
    ]
    for turn in range(chance.randrange(1, 4)):
        who = agents[chance.random() < 0.3]
        lines.append(f"[2025-03-0{turn + 2} 09:{chance.randrange(60):02}] {who} (agent): {chance.choice(ADVICE)}")
    lines.append(f"[2025-03-08 17:{chance.randrange(60):02}] {customer}: {end} ({name})")
    return "\n".join(lines)
