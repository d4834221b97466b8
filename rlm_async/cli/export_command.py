"""`rlm-async export`: what can be typed. The work is in `cli/export.py`, loaded when it is called."""

# ruff: noqa: FBT002 - a flag is a keyword to typer, with a default

from __future__ import annotations

import os
from typing import Annotated

import typer

from rlm_async.cli import options
from rlm_async.cli.boundary import guarded
from rlm_async.cli.runs_place import JournalFile


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)


def export(  # noqa: PLR0917 - what can be typed, each an option of its own
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUNS", help="Names of runs, journal files, files with scores, folders of these."),
    ],
    form: Annotated[str, typer.Option("--format", "-f", help="sft, dpo, grpo, openai or sharegpt.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE|DIR", help="One .jsonl file, or a folder with a file a part.")
    ],
    journal: JournalFile = None,
    per: Annotated[str, typer.Option("--per", help="node: each node is an example; tree: each run is one.")] = "node",
    turns: Annotated[
        str | None,
        typer.Option(
            "--turns", help="joined: a node's turns are one example where they can be; each: every turn is one."
        ),
    ] = None,
    scores: Annotated[
        list[str] | None,
        typer.Option("--scores", metavar="FILE", help='Lines {"run" or "id": …, "score": 0 to 1}; rows of bench run.'),
    ] = None,
    weigh: Annotated[
        list[str] | None,
        typer.Option("--weigh", metavar="NAME=FACTOR", help="Into the reward: usd=-0.1, seconds=…, partial=…; again."),
    ] = None,
    min_score: Annotated[float | None, typer.Option("--min-score", help="Runs with less are left out.")] = None,
    max_usd: Annotated[float | None, typer.Option("--max-usd", help="Runs that cost more are left out.")] = None,
    max_seconds: Annotated[float | None, typer.Option("--max-seconds", help="Runs that took longer are.")] = None,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", help="Of runs and nodes: complete, partial, failed; again. Default: the first two."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", metavar="NAME", help="Only what this model wrote; again.")
    ] = None,
    max_depth: Annotated[int | None, typer.Option("--max-depth", metavar="N", help="0: only roots.")] = None,
    gap: Annotated[float, typer.Option("--gap", help="dpo: by how much more the chosen one is worth.")] = 0.0,
    least: Annotated[int, typer.Option("--group", metavar="N", help="grpo: at least so many answers to a prompt.")] = 1,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="A/B/C", help="Shares of train/validation/test; no input is in two of them."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the split.")] = 0,
    tokens: Annotated[
        str | None,
        typer.Option("--tokens", metavar="URL|local:NAME", help="sft: tokens and their mask, by a llama.cpp server."),
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option("--api-key-env", metavar="NAME", help="--tokens: environment variable with that server's key."),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="PATH", help="The input of runs that were kept without it; again."),
    ] = None,
    license_: Annotated[
        str, typer.Option("--license", metavar="ID", help="For the data card; to be filled in else.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Counts as one JSON object on stdout, for programs.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Write journaled runs as training data: prompts, replies, rewards, masks of what the model wrote, and a card.

    Each run is played again from its journal, with no model. Exit status 2 where nothing is left to write.
    """

    def work() -> int:
        from rlm_async.cli import export as command  # noqa: PLC0415 - see the first line of this module

        typed = command.Typed(
            runs=tuple(runs),
            form=form,
            output=output,
            journal=journal,
            per=per,
            turns=turns,
            scores=tuple(scores or ()),
            weigh=tuple(weigh or ()),
            bounds=(min_score, max_usd, max_seconds),
            statuses=tuple(status or ()),
            models=tuple(model or ()),
            max_depth=max_depth,
            compared=(gap, least),
            split=(split, seed),
            tokens=tokens,
            api_key=options.key_of(api_key_env, None, os.environ),
            inputs=tuple(inputs or ()),
            license=license_,
        )
        return command.exported(typed, as_json=as_json, quiet=quiet)

    guarded(work)
