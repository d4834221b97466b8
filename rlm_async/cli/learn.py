"""What `rlm-async learn` does: items, runs, a profile in a file, and a report that says what that is worth."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlm_async.api import RLM
from rlm_async.api.advising import Plan, advise
from rlm_async.bench.arms import Endpoint, rlm_for
from rlm_async.bench.corpora import Corpora
from rlm_async.bench.points import Point
from rlm_async.bench.runner import source_of
from rlm_async.bench.sim.knowledge import Knowledge
from rlm_async.bench.sim.profile import simulated
from rlm_async.bench.sweep import arm_named
from rlm_async.bench.tasks.catalogue import TASKS, opened
from rlm_async.cli.advise import known
from rlm_async.cli.amounts import count
from rlm_async.cli.bench import numbers
from rlm_async.cli.learn_report import data_of, lines_of
from rlm_async.cli.options import key_of
from rlm_async.cli.streams import write, write_line
from rlm_async.core.profile import Profile
from rlm_async.core.usage import Limits, Rates
from rlm_async.errors import ConfigError
from rlm_async.learning.items import Scored, Split, of_task, read_items, split
from rlm_async.learning.learner import Learner, Lesson, none
from rlm_async.learning.lessons import lessons
from rlm_async.learning.optimiser import Optimiser
from rlm_async.learning.reflection import Say, reflecting
from rlm_async.learning.rolling import Rolled, Roller
from rlm_async.learning.search import Candidate
from rlm_async.profiles import load
from rlm_async.profiles.file import SUFFIX, is_file

LEAST_CANDIDATES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed."""

    items: Sequence[str]
    model: str
    sub_model: str
    endpoint: tuple[str | None, str | None]
    limits: Limits
    rates: Rates
    profile: str
    about: str
    size: str
    windows: int
    candidates: int
    reflect: str | None
    gepa: int | None
    seed: int
    policy: str
    clock: str
    output: str
    data_dir: str | None

    @property
    def key(self) -> str | None:
        """The endpoint's key. Raises ConfigError."""
        return key_of(self.endpoint[1], self.endpoint[0], os.environ)


def learned(typed: Typed, *, as_json: bool, yes: bool, quiet: bool) -> int:
    """Learn, write the file, report; raises ConfigError."""
    _check(typed)
    items, knowledge = _items(typed)
    parts = split(items, typed.seed)
    runs = _most_runs(parts, typed)
    if source_of(typed.model, typed.sub_model) == "real":
        _confirm(typed, items, runs, yes=yes)
    learner = _learner(typed, knowledge, _teller(runs, quiet=quiet))
    lesson = learner.learn(parts) if typed.gepa is None else _optimised(learner, parts, typed, typed.gepa)
    try:
        Path(typed.output).write_text(lesson.file.written(), "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {typed.output}: {error.strerror}") from error
    if as_json:
        write(json.dumps(data_of(lesson, typed.output), ensure_ascii=False) + "\n", sys.stdout)
    else:
        for line in lines_of(lesson, typed.output):
            write(line + "\n", sys.stdout)
    return 0


def _check(typed: Typed) -> None:
    if not typed.output.endswith(SUFFIX):
        raise ConfigError(f"--output {typed.output!r}: the name of a profile's file ends in {SUFFIX}")
    if is_file(typed.profile):
        raise ConfigError("--profile: name an installed profile to improve on, or plain; a file cannot be a base")
    if typed.clock not in {"real", "virtual"}:
        raise ConfigError(f"--clock {typed.clock!r}: choose real or virtual")
    if typed.clock == "virtual" and not (_is_simulated(typed.model) and _is_simulated(typed.sub_model)):
        raise ConfigError(f"--clock virtual: only a simulated model has virtual time, not {typed.model!r}")
    if typed.candidates < LEAST_CANDIDATES:
        raise ConfigError(f"--candidates {typed.candidates}: use {LEAST_CANDIDATES} or more")
    if typed.gepa is not None and typed.reflect is None:
        raise ConfigError("--gepa needs --reflect MODEL: GEPA works by having a model reflect on runs")


def _items(typed: Typed) -> tuple[list[Scored], Knowledge]:
    """The items of tasks and files, and what a simulated model may know of them."""
    files = [Path(name) for name in typed.items if name not in TASKS]
    for path in files:
        if path.suffix != ".jsonl":
            raise ConfigError(f"{path} is neither a task ({', '.join(TASKS)}) nor a file of items (.jsonl)")
    if files and _is_simulated(typed.model):
        raise ConfigError(f"{files[0]}: a simulated model knows the tasks of the benchmarks only; name another --model")
    corpora = Corpora(None if typed.data_dir is None else Path(typed.data_dir))
    tasks, knowledge = opened([name for name in typed.items if name in TASKS], corpora)
    (size,) = numbers("--size", typed.size)[:1] or (0,)
    items = [item for task in tasks.values() for item in of_task(task, size, typed.windows, typed.seed)]
    return items + [item for path in files for item in read_items(path)], knowledge


def _learner(typed: Typed, knowledge: Knowledge, told: Callable[[Rolled], None]) -> Learner:
    base = load(typed.profile)
    roller = Roller(_maker(typed, knowledge), virtual=typed.clock == "virtual", told=told)
    about = typed.about or (base.about if typed.profile != "plain" else f"questions like those of {_names(typed)}")
    return Learner(
        roller=roller,
        name=Path(typed.output).stem,
        about=about,
        base=base,
        count=typed.candidates,
        seed=typed.seed,
        reflect=none if typed.reflect is None or typed.gepa is not None else reflecting(_say(typed, typed.reflect)),
        facts={"items_of": _names(typed), "model": typed.model, "sub_model": typed.sub_model},
    )


def _maker(typed: Typed, knowledge: Knowledge) -> Callable[[Profile], RLM]:
    """What makes the RLM for a profile. Always `repl`: rules and examples are for a root that writes code."""
    if _is_simulated(typed.model):
        point = Point(
            task="",
            size=0,
            seed=typed.seed,
            arm=arm_named(str(typed.limits.depth)),
            model=typed.model,
            sub_model=typed.sub_model,
            concurrency=typed.rates.concurrency,
            policy=typed.policy,
            clock="virtual" if typed.clock == "virtual" else "real",
        )
        return lambda profile: rlm_for(point, knowledge, Endpoint(), profile=profile)
    base, key = typed.endpoint[0], typed.key
    return lambda profile: RLM(
        typed.model,
        sub_model=typed.sub_model,
        api_base=base,
        api_key=key,
        limits=typed.limits,
        rates=typed.rates,
        profile=profile,
        strategy="repl",
    )


def _optimised(learner: Learner, parts: Split, typed: Typed, most: int) -> Lesson:
    """What GEPA makes of the profile, starting from the demonstration that promises most."""
    found = lessons(learner.roller.roll(learner.base, parts.source))
    start = Candidate(demonstrations=found.demonstrations[:1])
    say = _say(typed, typed.reflect or "")
    optimiser = Optimiser(
        roll=lambda candidate, items: learner.roller.roll(learner.profile(candidate), items),
        say=say,
        most=most,
        seed=typed.seed,
    )
    return learner.judged(optimiser.best(parts, start), parts, found)


def _say(typed: Typed, model: str) -> Say:
    """The reply of a model that reflects."""
    rlm = RLM(model, api_base=typed.endpoint[0], api_key=typed.key, strategy="direct", profile="plain")
    return lambda prompt: rlm.ask_sync(prompt).text


def _most_runs(parts: Split, typed: Typed) -> int:
    """How many runs there will be at the most."""
    judged = len(parts.source) + 2 * len(parts.held_out)
    if typed.gepa is not None:
        return judged + typed.gepa + len(parts.selection)
    rounds = max(1, typed.candidates.bit_length() - 1)
    return judged + rounds * typed.candidates * len(parts.selection) // 2


def _confirm(typed: Typed, items: Sequence[Scored], runs: int, *, yes: bool) -> None:
    """Tell what it will cost, and ask. Raises ConfigError where nobody can be asked."""
    info = [known(model, typed.endpoint[0], os.environ) for model in (typed.model, typed.sub_model)]
    plan = Plan(model=info[0], sub=info[1], limits=typed.limits, rates=typed.rates, strategy="repl")
    costs = [advise(item.question, item.context, plan).usd for item in items]
    price = "at an unknown price"
    if all(cost is not None for cost in costs):
        low, high = (sum(getattr(cost, end) for cost in costs) / len(costs) * runs for end in ("low", "high"))
        price = f"${low:,.2f} to ${high:,.2f}, supposed"
    write_line(f"at most {count(runs, 'run')} of {count(len(items), 'item')}: {price}", sys.stderr)
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("nobody is there to confirm the cost: pass --yes, or take fewer --windows and --candidates")
    sys.stderr.write("Spend that? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ConfigError("nothing was run")


def _teller(runs: int, *, quiet: bool) -> Callable[[Rolled], None]:
    """Tells every tenth part of the runs."""
    made = 0

    def told(rolled: Rolled) -> None:
        nonlocal made
        del rolled
        made += 1
        if not quiet and made % max(1, runs // 10) == 0:
            write_line(f"{made:,} of at most {runs:,} runs", sys.stderr)

    return told


def _names(typed: Typed) -> str:
    return ", ".join(Path(name).name for name in typed.items)


def _is_simulated(model: str) -> bool:
    return simulated(model) and "/" not in model
