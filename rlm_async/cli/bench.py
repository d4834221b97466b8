"""What `rlm-async bench` does: reads what was typed, asks before money is spent, shows rows as they come."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from rlm_async.bench.arms import Endpoint
from rlm_async.bench.corpora import Corpora
from rlm_async.bench.estimate import estimated
from rlm_async.bench.points import Point, Row
from rlm_async.bench.runner import Bench, source_of
from rlm_async.bench.sim.model import SimulatedModel
from rlm_async.bench.sim.profile import PROFILES, Profile, simulated
from rlm_async.bench.sim.programs import POLICIES, Policy
from rlm_async.bench.store import Rows, read_rows
from rlm_async.bench.sweep import Sweep, arm_named, points
from rlm_async.bench.tasks.catalogue import TASKS, opened
from rlm_async.cli.amounts import count, duration
from rlm_async.cli.options import key_of
from rlm_async.cli.streams import write_line
from rlm_async.cli.text import one_line
from rlm_async.errors import ConfigError
from rlm_async.journal import Journal

_SIZES = {"k": 1_024, "m": 1_048_576}


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A sweep as it was typed."""

    tasks: Sequence[str]
    models: Sequence[str]
    sub_model: str | None
    endpoint: tuple[str | None, str | None]
    arms: Sequence[str]
    sizes: Sequence[int]
    seeds: int
    questions: int | None
    concurrency: Sequence[int]
    chunks: Sequence[int]
    budgets: Sequence[float | None]
    policies: Sequence[str]
    syntax_errors: Sequence[float]
    sharing: Sequence[str]
    clock: str
    output: str
    data_dir: str | None
    journal: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """What `serve-sim` serves. `luck`: syntax errors, refusals, speed."""

    host: str
    port: int
    tasks: Sequence[str]
    policy: str
    luck: tuple[float, float, float]
    capacity: int | None
    seed: int
    data_dir: str | None


def ran(typed: Typed, *, yes: bool, quiet: bool) -> int:
    """Run what was typed; exit status 1 where a question failed."""
    tasks, knowledge = opened(_tasks(typed.tasks), _corpora(typed.data_dir))
    sweep = _sweep(typed)
    base, key_name = typed.endpoint
    endpoint = Endpoint(api_base=base, api_key=key_of(key_name, base, os.environ))
    failed: list[str] = []

    def told(row: Row) -> None:
        if row.status == "failed":
            failed.append(row.key)
        if not quiet:
            write_line(line_of(row), sys.stderr)

    with ExitStack() as stack:
        journal = None if typed.journal is None else stack.enter_context(Journal(typed.journal, resume=False))
        bench = Bench(tasks, knowledge, Rows(Path(typed.output)), endpoint, typed.questions, told, journal)
        wanted = list(points(sweep, tasks))
        if any(source_of(point.model, point.sub_model) == "real" for point in wanted):
            _confirm(bench, wanted, yes=yes)
        bench.run(wanted)
    if not quiet:
        write_line(f"rows are in {typed.output}; see them with: rlm-async bench report {typed.output}", sys.stderr)
    return 1 if failed else 0


def line_of(row: Row) -> str:
    """A row in one line."""
    point = row.point
    usd = "price unknown" if row.usd is None else f"${row.usd:.4f}"
    parts = [
        f"{point.task} {count(point.size)} #{point.seed} {point.arm} {point.model}",
        f"{row.family}: {row.score:.2f} {row.status}",
        f"{count(row.calls, 'call')}, {count(row.prompt_tokens + row.completion_tokens, 'token')}, {usd}",
        f"{duration(row.wall)}, {row.peak} at once, {row.coverage:.0%} read",
    ]
    return one_line(" | ".join(parts) + (f" | {row.error}" if row.error else ""), 300)


def reported(rows: Sequence[str], output: str, png: str | None) -> int:
    """Write the report."""
    from rlm_async.bench.report import write_report  # noqa: PLC0415 - matplotlib takes its time, and may be missing

    found = read_rows([Path(path) for path in rows])
    if not found:
        raise ConfigError(f"there are no rows in {', '.join(rows)}")
    write_report(found, Path(output), None if png is None else Path(png))
    write_line(f"{len(found)} rows: {output}", sys.stderr)
    return 0


def served(asked: Served) -> int:
    """Serve until interrupted."""
    _, knowledge = opened(_tasks(asked.tasks), _corpora(asked.data_dir))
    if asked.policy not in POLICIES:
        raise ConfigError(f"--policy {asked.policy!r}: choose one of {', '.join(POLICIES)}")
    errors, refusals, speed = asked.luck
    if speed <= 0:
        raise ConfigError("--speed: use a number above 0")
    policy = Policy(
        name=next(name for name in POLICIES if name == asked.policy),
        syntax_errors=errors,
    )
    models = {}
    for name, profile in PROFILES.items():
        weathered = _weathered(profile, refusals, asked.capacity, speed)
        models[name] = SimulatedModel(weathered, knowledge, policy=policy, seed=asked.seed)
    asyncio.run(_serve(models, asked))
    return 0


async def _serve(models: dict[str, SimulatedModel], asked: Served) -> None:
    from rlm_async.bench.sim.server import Server  # noqa: PLC0415 - aiohttp takes half a second

    async with Server(models).serving(asked.host, asked.port) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        write_line(f"serving {', '.join(models)}; statistics at {url.removesuffix('/v1')}/statistics", sys.stderr)
        await asyncio.Event().wait()


def _weathered(profile: Profile, refusals: float, capacity: int | None, speed: float) -> Profile:
    weather = profile.weather
    faster = replace(
        weather,
        first=weather.first / speed,
        prefill=weather.prefill * speed,
        decode=weather.decode * speed,
        refusals=refusals,
        capacity=capacity,
    )
    return replace(profile, weather=faster)


def _sweep(typed: Typed) -> Sweep:
    if typed.clock not in {"real", "virtual"}:
        raise ConfigError(f"--clock {typed.clock!r}: choose real or virtual")
    for word in typed.sharing:
        if word not in {"on", "off"}:
            raise ConfigError(f"--sharing {word!r}: choose on, off, or on,off")
    for model in typed.models:
        if simulated(model) and "/" not in model and model not in PROFILES:
            raise ConfigError(f"--model {model!r}: simulated are {', '.join(PROFILES)}")
    return Sweep(
        models=[(model, typed.sub_model or model) for model in typed.models],
        arms=[arm_named(name) for name in typed.arms if name != "none"],
        sizes=typed.sizes,
        seeds=typed.seeds,
        concurrency=typed.concurrency,
        chunks=typed.chunks,
        budgets=typed.budgets,
        policies=typed.policies,
        syntax_errors=typed.syntax_errors,
        shared=[word == "on" for word in typed.sharing],
        clock="virtual" if typed.clock == "virtual" else "real",
    )


def _confirm(bench: Bench, wanted: Sequence[Point], *, yes: bool) -> None:
    """Tell what it will cost, and ask. Raises ConfigError where nobody can be asked."""
    from rlm_async.models.catalogue import PriceList  # noqa: PLC0415 - prices are looked up only where there are some

    open_ = []
    for point in wanted:
        if source_of(point.model, point.sub_model) != "real":
            continue
        made = bench.window(point)
        left = sum(point.key(number) not in bench.rows for number in bench.asked(made))
        open_.append((point, made.tokens, left))
    write_line(str(estimated(open_, PriceList())), sys.stderr)
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            "nobody is there to confirm the cost: pass --yes, or limit it with --size, --seeds, --questions"
        )
    sys.stderr.write("Spend that? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ConfigError("nothing was run")


def _tasks(names: Sequence[str]) -> Sequence[str]:
    return TASKS if "all" in names else names


def _corpora(folder: str | None) -> Corpora:
    return Corpora(None if folder is None else Path(folder))


def words(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def numbers(option: str, text: str) -> tuple[int, ...]:
    """Whole numbers of 1 or more between commas; `8k` is 8,192. Raises ConfigError."""
    found = []
    for word in words(text.lower()):
        digits, factor = (word[:-1], _SIZES[word[-1]]) if word[-1] in _SIZES else (word, 1)
        if not digits.isdecimal() or int(digits) < 1:
            raise ConfigError(f"{option} {word!r}: use whole numbers, such as 4,64 or 8k")
        found.append(int(digits) * factor)
    return tuple(found)


def shares(option: str, text: str) -> tuple[float, ...]:
    """Parts of one between commas, also as percentages. Raises ConfigError."""
    found = []
    for word in words(text):
        try:
            share = float(word.removesuffix("%")) / (100 if word.endswith("%") else 1)
        except ValueError as error:
            raise ConfigError(f"{option} {word!r}: use parts such as 0.5 or 50%") from error
        if not 0 <= share < 1:
            raise ConfigError(f"{option} {word!r}: use parts from 0 up to 1")
        found.append(share)
    return tuple(found)


def budgets(text: str) -> tuple[float | None, ...]:
    """`none` and parts. Raises ConfigError."""
    found: list[float | None] = []
    for word in words(text):
        found += [None] if word == "none" else list(shares("--budget", word))
    return tuple(found)
