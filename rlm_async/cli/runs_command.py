"""`rlm-async runs`, `replay`, `diff`: what can be typed. The work is in modules that are loaded when it is called."""

# ruff: noqa: FBT002 - a flag is a keyword to typer, with a default

from __future__ import annotations

import os
from typing import Annotated

import typer

from rlm_async.cli import options
from rlm_async.cli.boundary import guarded
from rlm_async.cli.runs_place import JournalFile

runs = typer.Typer(invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")]
Status = Annotated[str | None, typer.Option("--status", help="running, interrupted, complete, partial or failed.")]
Text = Annotated[str, typer.Option("--text", metavar="WORDS", help="Found in the question or the answer.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="WHEN", help="Begun since: 30m, 12h, 7d, 4w ago, or 2026-11-22.")
]
Before = Annotated[str | None, typer.Option("--before", metavar="WHEN", help="Begun before, the same.")]
InBatch = Annotated[str | None, typer.Option("--batch", metavar="NAME", help="Those of a batch.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's name, the beginning of it, or last.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(runs, name="runs")
    app.command()(replay)
    app.command()(diff)


@runs.callback()
def listing(  # noqa: PLR0917 - what can be typed, each an option of its own
    context: typer.Context,
    journal: JournalFile = None,
    status: Status = None,
    text: Text = "",
    since: Since = None,
    before: Before = None,
    batch: InBatch = None,
    most: Annotated[int | None, typer.Option("-n", metavar="N", help="The newest N.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the runs of a journal, newest first. PAID leaves out what a run had taken over from one before it."""
    if context.invoked_subcommand is not None:
        return

    def work() -> int:
        from rlm_async.cli import runs as lists  # noqa: PLC0415 - see the first line of this module

        wanted = lists.Wanted(
            journal=journal, status=status, text=text, since=since, before=before, batch=batch, most=most
        )
        return lists.listed(wanted, as_lines=as_json)

    guarded(work)


@runs.command()
def prune(  # noqa: PLR0917 - what can be typed, each an option of its own
    journal: JournalFile = None,
    status: Status = None,
    text: Text = "",
    before: Before = None,
    batch: InBatch = None,
    fit: Annotated[
        str | None, typer.Option("--to-size", metavar="SIZE", help="Then the oldest, until the rest takes 500M, 2G, …")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete them; without it they are only listed.")] = False,
) -> None:
    """Delete runs, and the texts that only they have used. One that is going on stays."""

    def work() -> int:
        from rlm_async.cli import runs as lists  # noqa: PLC0415 - see the first line of this module

        wanted = lists.Wanted(journal=journal, status=status, text=text, before=before, batch=batch)
        return lists.pruned(lists.Pruning(wanted=wanted, fit=fit, yes=yes))

    guarded(work)


@runs.command()
def vacuum(journal: JournalFile = None) -> None:
    """Give the space of deleted runs back to the disk."""

    def work() -> int:
        from rlm_async.cli import runs as lists  # noqa: PLC0415 - see the first line of this module

        return lists.vacuumed(journal)

    guarded(work)


def replay(  # noqa: PLR0917 - what can be typed, each an option of its own
    run: RunName = "last",
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH…]", help="The input, where the journal does not hold it.")
    ] = None,
    journal: JournalFile = None,
    node: Annotated[
        int | None, typer.Option("--from", metavar="NODE", help="Ask this node and what is below it anew.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="With --from: which model is asked there.")] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="TEXT", help="With --from: what that node is asked instead.")
    ] = None,
    api_base: options.ApiBase = None,
    api_key_env: options.ApiKeyEnv = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for programs.")] = False,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Play a run again from its journal, with no model: its code runs, its requests get the replies they got.

    With --from a part of it is asked anew, and kept as a run of its own: `rlm-async diff` shows what came of it.
    Exit status 1 where a replay comes to another answer than the run.
    """

    def work() -> int:
        from rlm_async.cli import replay as playing  # noqa: PLC0415 - see the first line of this module

        asked = playing.Asked(
            run=run,
            paths=tuple(paths or ()),
            journal=journal,
            node=node,
            model=model,
            prompt=prompt,
            api_base=api_base,
            api_key=options.key_of(api_key_env, api_base, os.environ),
            quiet=quiet,
            color=not no_color,
        )
        return playing.played(asked, as_json=as_json)

    guarded(work)


def diff(
    one: Annotated[str, typer.Argument(metavar="A", help="A run's name, the beginning of it, or last.")],
    other: Annotated[str, typer.Argument(metavar="B", help="Another's.")],
    journal: JournalFile = None,
    second: Annotated[
        str | None, typer.Option("--second-journal", metavar="FILE", help="Where B is, if not in the same file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for programs.")] = False,
) -> None:
    """Show where two runs parted, then what each came to. Exit status 0 where they tell the same, else 1."""

    def work() -> int:
        from rlm_async.cli import diff as comparison  # noqa: PLC0415 - see the first line of this module

        return comparison.compared((one, other), (journal, second or journal), as_json=as_json)

    guarded(work)
