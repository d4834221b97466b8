"""`rlm-async learn`: what can be typed. The work is in `cli/learn.py`, loaded when the command is called."""

# ruff: noqa: FBT002 - a flag is a keyword to typer, with a default

from __future__ import annotations

from typing import Annotated

import typer

from rlm_async.cli import options
from rlm_async.cli.bench_command import TASKS, DataDir
from rlm_async.cli.boundary import guarded


def add_to(app: typer.Typer) -> None:
    """Add the command `learn`."""
    app.command()(learn)


def learn(  # noqa: PLR0917 - what can be typed, each an option of its own
    items: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK|ITEMS.jsonl…",
            help=f"Tasks of the benchmarks ({TASKS}), or files of one JSON object a line: question, expected, "
            "context or paths, and perhaps kind (exact, number, set, pairs).",
        ),
    ],
    model: Annotated[
        str, typer.Option("--model", "-m", help="sim-strong (the default), sim-middle, sim-weak; local, openai/…")
    ] = "sim-strong",
    sub_model: options.SubModelName = None,
    api_base: options.ApiBase = None,
    api_key_env: options.ApiKeyEnv = None,
    depth: options.Depth = None,
    concurrency: options.Concurrency = None,
    limit: options.LimitPairs = None,
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="The profile to improve on: an installed one.")
    ] = "plain",
    about: Annotated[str, typer.Option("--about", metavar="TEXT", help="The kind of text, in one line.")] = "",
    size: Annotated[
        str, typer.Option("--size", metavar="N", help="Of a task's windows: tokens (8k), contracts or folders.")
    ] = "8k",
    windows: Annotated[int, typer.Option("--windows", metavar="N", help="Of each task; three at the least.")] = 20,
    candidates: Annotated[int, typer.Option("--candidates", metavar="N", help="Profiles that are compared.")] = 12,
    reflect: Annotated[
        str | None,
        typer.Option("--reflect", metavar="MODEL", help="A model that reads what went wrong and writes rules too."),
    ] = None,
    gepa: Annotated[
        int | None,
        typer.Option(
            "--gepa", metavar="N", help="Let GEPA search instead, in N runs at most; needs --reflect, extra `learn`."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of windows, division and candidates.")] = 0,
    policy: Annotated[
        str, typer.Option("--policy", metavar="NAME", help="Of a simulated root: hasty has habits to lose.")
    ] = "hasty",
    clock: Annotated[
        str, typer.Option("--clock", metavar="real|virtual", help="virtual: a simulated model's time.")
    ] = "real",
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The profile.")] = "learned.toml",
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object on stdout.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before money is spent.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Learn a profile from scored runs, without weights: worked examples and rules that help on items kept apart.

    Says whether it beats the profile it improves on, with an interval, and writes it to a file for --profile.
    """

    def work() -> int:
        from rlm_async.cli import learn as command  # noqa: PLC0415 - see the first line of this module

        typed = command.Typed(
            items=tuple(items),
            model=model,
            sub_model=sub_model or model,
            endpoint=(api_base, api_key_env),
            limits=options.limits(limit, depth),
            rates=options.rates(None, concurrency),
            profile=profile,
            about=about,
            size=size,
            windows=windows,
            candidates=candidates,
            reflect=reflect,
            gepa=gepa,
            seed=seed,
            policy=policy,
            clock=clock,
            output=output,
            data_dir=data_dir,
        )
        return command.learned(typed, as_json=as_json, yes=yes, quiet=quiet)

    guarded(work)
