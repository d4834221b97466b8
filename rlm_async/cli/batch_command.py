"""The command `batch`: what can be typed, and nothing that takes time to load."""

# ruff: noqa: FBT002 - a flag is a keyword to typer, with a default

from __future__ import annotations

import os
from typing import Annotated

import typer

from rlm_async.cli import options
from rlm_async.cli.boundary import guarded

Questions = Annotated[
    str | None,
    typer.Argument(metavar="QUESTIONS", help="Items: a file .jsonl, .csv, .tsv or .parquet; see --question."),
]
Paths = Annotated[
    list[str] | None, typer.Argument(metavar="[PATH…]", help="What items without a text of their own are about.")
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="RESULTS", help="One JSON object a line, appended.")]
Question = Annotated[
    str | None,
    typer.Option(
        "--question",
        metavar="TEXT",
        help="What to ask of every item; {field} is filled from it. With --each, QUESTIONS may be left out.",
    ),
]
Each = Annotated[bool, typer.Option("--each", help="Ask about every document of PATH… by itself.")]
Total = Annotated[
    list[str] | None,
    typer.Option("--total", metavar="NAME=AMOUNT", help="A ceiling on the whole batch; --limit is one on each item."),
]
Schema = Annotated[str | None, typer.Option("--schema", metavar="FILE", help="A JSON Schema for every answer.")]
Cite = Annotated[
    bool, typer.Option("--cite", help="Quote the input for what is said; an answer without such a quote fails.")
]
Journal = Annotated[
    str | None,
    typer.Option(
        "--journal",
        metavar="FILE",
        help="Where answered calls last. Default: $RLM_ASYNC_JOURNAL, else RESULTS.journal; none: nowhere.",
    ),
]
Fresh = Annotated[
    bool,
    typer.Option("--fresh", help="Use no call again that the journal knows. What RESULTS has stays: --overwrite."),
]
Executor = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="URL",
        help="Who answers: postgresql://… with `rlm-async worker` anywhere; ray, ray:HOST:PORT with the plugin; "
        "default: here.",
    ),
]
Workers = Annotated[
    int, typer.Option("--workers", metavar="N", help="Answer in N processes of this machine, or of a plugin's cluster.")
]
Items = Annotated[
    int | None, typer.Option("--items", metavar="N", help="Items in hand at once. Default: what keeps the calls busy.")
]


def batch(  # noqa: PLR0917 - what can be typed, each an option of its own
    output: Output,
    questions: Questions = None,
    paths: Paths = None,
    question: Question = None,
    each: Each = False,
    model: options.ModelName = None,
    sub_model: options.SubModelName = None,
    fallback: options.Fallbacks = None,
    api_base: options.ApiBase = None,
    api_key_env: options.ApiKeyEnv = None,
    depth: options.Depth = None,
    concurrency: options.Concurrency = None,
    limit: options.LimitPairs = None,
    rate: options.RatePairs = None,
    total: Total = None,
    strategy: options.StrategyName = "auto",
    profile: options.ProfileName = "auto",
    sandbox_mode: options.SandboxMode = None,
    schema: Schema = None,
    cite: Cite = False,
    journal: Journal = None,
    journal_content: options.JournalContent = "full",
    fresh: Fresh = False,
    servers: options.Servers = None,
    strict: Annotated[bool, typer.Option("--strict", help="A limit of an item that is hit is a failure.")] = False,
    items: Items = None,
    executor: Executor = None,
    workers: Workers = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would cost, and ask nothing.")] = False,
    only_failed: Annotated[bool, typer.Option("--only-failed", help="Ask those again that failed, no others.")] = False,
    ordered: Annotated[bool, typer.Option("--ordered", help="At the end, put RESULTS in the order of items.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start anew: forget what RESULTS holds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as one JSON object on stdout.")] = False,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,  # noqa: ARG001 - as for `ask`; what a batch prints has none
) -> None:
    """Answer many questions; the same command goes on where it was stopped, whatever stopped it.

    Results go to RESULTS as they come, all else to stderr. Exit status as for `ask`: 1 where items failed.
    """

    def work() -> int:
        from rlm_async.cli import batch as whole  # noqa: PLC0415 - see the first line of this module
        from rlm_async.cli import batch_where, choice  # noqa: PLC0415 - the same

        choices = options.Choices(
            model=choice.model_named(model, api_base, os.environ),
            sub_model=sub_model,
            fallbacks=tuple(fallback or ()),
            api_base=api_base,
            api_key=options.key_of(api_key_env, api_base, os.environ),
            limits=options.limits(limit, depth),
            rates=options.rates(rate, concurrency),
            strategy=strategy,
            profile=profile,
            sandbox=sandbox_mode,
            journal=whole.journal_for(journal, output, executor),
            journal_content=journal_content,
            fresh=fresh,
            strict=strict,
            mcp=tuple(servers or ()),
        )
        asked = whole.Asked(
            what=whole.What(questions, tuple(paths or ()), question, each),
            output=output,
            choices=choices,
            given_model=model,
            key_name=api_key_env,
            schema=options.schema_in(schema),
            cite=cite,
            total=whole.total_of(total),
            where=batch_where.Where(executor, workers, items),
            mode=whole.Mode(
                dry_run=dry_run,
                only_failed=only_failed,
                ordered=ordered,
                overwrite=overwrite,
                json=as_json,
                quiet=quiet,
            ),
        )
        return whole.run(asked)

    guarded(work)


def worker(
    executor: Annotated[str, typer.Option("--executor", metavar="URL", help="postgresql://…, as for `batch`.")],
    batch: Annotated[str | None, typer.Option("--batch", metavar="NAME", help="Of one batch only.")] = None,
    items: Items = None,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End when nothing is left to do, instead of waiting for more.")
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Answer items of batches that others have started with `rlm-async batch --executor URL`.

    Models' keys come from this process's environment. End it with Ctrl-C or SIGTERM: what it has in hand is
    handed back. If it is killed, other workers take its items over.
    """

    def work() -> int:
        from rlm_async.cli import worker as serving  # noqa: PLC0415 - see the first line of this module

        return serving.run(serving.Serving(executor, batch, items, until_empty=until_empty, quiet=quiet))

    guarded(work)


def add_to(app: typer.Typer) -> None:
    """Give `app` these commands."""
    app.command()(batch)
    app.command()(worker)
