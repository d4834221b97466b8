"""`rlm-async advise`: what can be typed. The work is in `cli/advise.py`, loaded when the command is called."""

# ruff: noqa: FBT002 - a flag is a keyword to typer, with a default

from __future__ import annotations

import os
from typing import Annotated

import typer

from rlm_async.cli import options
from rlm_async.cli.boundary import guarded


def add_to(app: typer.Typer) -> None:
    """Add the command `advise`."""
    app.command()(advise)


def advise(  # noqa: PLR0917 - what can be typed, each an option of its own
    question: Annotated[str | None, typer.Argument(help="What you want to know.")] = None,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH… | -]", help="Files, folders, quoted patterns; - is standard input."),
    ] = None,
    model: options.ModelName = None,
    sub_model: options.SubModelName = None,
    api_base: options.ApiBase = None,
    depth: options.Depth = None,
    concurrency: options.Concurrency = None,
    limit: options.LimitPairs = None,
    rate: options.RatePairs = None,
    strategy: options.StrategyName = "auto",
    fit: Annotated[
        list[str] | None,
        typer.Option(
            "--fit",
            metavar="RUNS",
            help="Write rules instead, fitted from rows of `bench run`, journals, and JSONL of run and score for what "
            "journals hold; again for more files.",
        ),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where --fit writes; use with --strategy auto:FILE.")
    ] = "rules.toml",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for programs.")] = False,
) -> None:
    """Say how QUESTION would be answered, what that would cost, and why. Asks no model and costs nothing."""

    def work() -> int:
        from rlm_async.cli import advise as command  # noqa: PLC0415 - see the first line of this module
        from rlm_async.cli import choice  # noqa: PLC0415 - the same

        if fit:
            return command.fitted(fit, output)
        named = choice.model_named(model, api_base, os.environ)
        models = command.Models(named, sub_model or named, api_base)
        limits, rates = options.limits(limit, depth), options.rates(rate, concurrency)
        return command.advised(
            command.Wanted(question or "", tuple(paths or ()), models, limits, rates, strategy), as_json=as_json
        )

    guarded(work)
