"""`rlm-async bench`: what can be typed. The work is in `cli/bench.py`, loaded when a command is called."""

# ruff: noqa: FBT002 - a flag is a keyword to typer, with a default

from __future__ import annotations

from typing import Annotated

import typer

from rlm_async.cli import options
from rlm_async.cli.boundary import guarded

TASKS = "sniah, oolong_trec, oolong_pairs, cuad_corpus, nested_oolong, babi_chain"

bench = typer.Typer(help="Measure depth, concurrency, budget: score, latency, cost, with a model or a simulated one.")

DataDir = Annotated[
    str | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Folder with the published data sets (trec, cuad, xquad, babi, sms_spam, banking77). "
        "Default: a small sample of our own.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the group `bench`."""
    app.add_typer(bench, name="bench", no_args_is_help=True)


@bench.command("run")
def run(  # noqa: PLR0917 - what can be typed, each an option of its own
    tasks: Annotated[list[str], typer.Argument(metavar="TASK…", help=f"{TASKS}; or all.")],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="sim-strong (the default), sim-middle, sim-weak, sim-oracle; local, openai/…; several with commas.",
        ),
    ] = "sim-strong",
    sub_model: options.SubModelName = None,
    api_base: options.ApiBase = None,
    api_key_env: options.ApiKeyEnv = None,
    depth: Annotated[
        str, typer.Option("--depth", metavar="N,N…", help="Arms with a REPL, by levels of sub-queries.")
    ] = "0,1,2",
    arms: Annotated[
        str, typer.Option("--arms", metavar="ARM,…", help="Further arms: direct, map-reduce, auto; none.")
    ] = "direct,map-reduce",
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="N,N…", help="Tokens (8k, 1m), contracts or folders. Default: the task's own."),
    ] = None,
    concurrency: Annotated[
        str, typer.Option("--concurrency", metavar="N,N…", help="Model requests in flight at once.")
    ] = "64",
    chunk: Annotated[str, typer.Option("--chunk", metavar="N,N…", help="Records that one sub-query labels.")] = "40",
    budget: Annotated[
        str,
        typer.Option("--budget", metavar="none,50%…", help="Money, as a part of what the same question costs without."),
    ] = "none",
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", help="Windows of each size; intervals are over these.")
    ] = 3,
    questions: Annotated[
        int | None, typer.Option("--questions", metavar="N", help="Questions of each window at most.")
    ] = None,
    policy: Annotated[
        str,
        typer.Option(
            "--policy", metavar="NAME,…", help="Of the simulated root: map-reduce, one-a-line, loop, bad-first, hasty."
        ),
    ] = "map-reduce",
    syntax_errors: Annotated[
        str, typer.Option("--syntax-errors", metavar="SHARE,…", help="Of the simulated root's turns, such as 0,0.5.")
    ] = "0",
    sharing: Annotated[
        str,
        typer.Option("--sharing", metavar="on,off", help="Whether equal sub-queries are asked once; both to compare."),
    ] = "on",
    clock: Annotated[
        str, typer.Option("--clock", metavar="real|virtual", help="virtual: hours of a simulated model in seconds.")
    ] = "real",
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Rows; what is there is not run again.")
    ] = "bench.jsonl",
    data_dir: DataDir = None,
    journal: Annotated[
        str | None,
        typer.Option("--journal", metavar="FILE", help="Keep each question's run too: see export, show, replay."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before money is spent.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Run TASKs over every combination of the options, a row for each question; what is done is not done again."""

    def work() -> int:
        from rlm_async.cli import bench as command  # noqa: PLC0415 - see the first line of this module

        typed = command.Typed(
            tasks=tuple(tasks),
            models=command.words(model),
            sub_model=sub_model,
            endpoint=(api_base, api_key_env),
            arms=(*command.words(arms), *command.words(depth)),
            sizes=command.numbers("--size", size or ""),
            seeds=seeds,
            questions=questions,
            concurrency=command.numbers("--concurrency", concurrency),
            chunks=command.numbers("--chunk", chunk),
            budgets=command.budgets(budget),
            policies=command.words(policy),
            syntax_errors=command.shares("--syntax-errors", syntax_errors),
            sharing=command.words(sharing),
            clock=clock,
            output=output,
            data_dir=data_dir,
            journal=journal,
        )
        return command.ran(typed, yes=yes, quiet=quiet)

    guarded(work)


@bench.command("report")
def report(
    rows: Annotated[list[str], typer.Argument(metavar="ROWS…", help="Files of `bench run`.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="One HTML file that needs nothing else.")
    ] = "bench.html",
    png: Annotated[str | None, typer.Option("--png", metavar="DIR", help="The figures as files too.")] = None,
) -> None:
    """Draw the rows: Pareto front, context rot, latency, cost, critical path. Needs the extra `bench`."""

    def work() -> int:
        from rlm_async.cli import bench as command  # noqa: PLC0415 - see the first line of this module

        return command.reported(rows, output, png)

    guarded(work)


@bench.command("serve-sim")
def serve_sim(  # noqa: PLR0917 - what can be typed, each an option of its own
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 takes a free one.")] = 8900,
    task: Annotated[str, typer.Option("--task", metavar="TASK,…", help="Whose items the models know; or all.")] = "all",
    policy: Annotated[
        str, typer.Option("--policy", metavar="NAME", help="How they plan; see bench run.")
    ] = "map-reduce",
    syntax_errors: Annotated[float, typer.Option("--syntax-errors", metavar="SHARE")] = 0.0,
    refusals: Annotated[
        float,
        typer.Option("--refusals", metavar="SHARE", help="Of the requests, refused once with 429 and Retry-After."),
    ] = 0.0,
    capacity: Annotated[
        int | None, typer.Option("--capacity", metavar="N", help="Requests at once beyond which more get a 429.")
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", metavar="N", help="How many times as fast as usual replies come.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    data_dir: DataDir = None,
) -> None:
    """Serve the simulated models to any OpenAI client: sim-strong, sim-middle, sim-weak, sim-oracle. Ends with Ctrl-C.

    They measure frameworks: no score is any model's.
    """

    def work() -> int:
        from rlm_async.cli import bench as command  # noqa: PLC0415 - see the first line of this module

        luck = (syntax_errors, refusals, speed)
        served = command.Served(host, port, command.words(task), policy, luck, capacity, seed, data_dir)
        return command.served(served)

    guarded(work)
