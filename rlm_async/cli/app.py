"""The commands of `rlm-async`. Each loads what it needs when it is called, so that `--help` is there at once."""

# ruff: noqa: FBT002 - a flag is a keyword to typer, with a default

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated

import typer

from rlm_async import __version__
from rlm_async.cli import (
    advise_command,
    batch_command,
    bench_command,
    export_command,
    learn_command,
    options,
    profile_command,
    runs_command,
    serve_command,
)
from rlm_async.cli.boundary import guarded
from rlm_async.cli.streams import prepare

app = typer.Typer(
    name="rlm-async",
    help="Ask questions about inputs of any length. Exit status: 0 complete, 1 failed, 2 wrong usage or "
    "configuration, 3 partial, 130 interrupted.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
local = typer.Typer(help="The small model that runs on this machine.")
sandbox = typer.Typer(help="The jail in which model-written code runs.")
app.add_typer(local, name="local", no_args_is_help=True)
app.add_typer(sandbox, name="sandbox", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something large is fetched.")]
Weights = Annotated[str | None, typer.Argument(metavar="[NAME]", help="1.5b (the default), 0.5b or 135m.")]


def run() -> None:
    """Run the command line."""
    prepare()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # other libraries' remarks are not for whoever asked a question
    app(prog_name="rlm-async")


def _version(asked: bool) -> None:  # noqa: FBT001 - typer's own form of a callback
    if asked:
        typer.echo(f"rlm-async {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Nothing is common to all commands but --version."""


@app.command()
def ask(  # noqa: PLR0917 - what can be typed, each an option of its own
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH… | -]", help="Files, folders, quoted patterns; - is standard input."),
    ] = None,
    model: options.ModelName = None,
    sub_model: options.SubModelName = None,
    fallback: options.Fallbacks = None,
    api_base: options.ApiBase = None,
    api_key_env: options.ApiKeyEnv = None,
    depth: options.Depth = None,
    concurrency: options.Concurrency = None,
    limit: options.LimitPairs = None,
    rate: options.RatePairs = None,
    strategy: options.StrategyName = "auto",
    profile: options.ProfileName = "auto",
    sandbox_mode: options.SandboxMode = None,
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="FILE|NAME",
            help="A JSON Schema that the answer must follow; or the name of one that the profile brings.",
        ),
    ] = None,
    cite: Annotated[
        bool,
        typer.Option("--cite", help="Quote the input for what is said; quotes that do not stand there are refused."),
    ] = False,
    journal: options.JournalFile = None,
    journal_content: options.JournalContent = "full",
    fresh: options.Fresh = False,
    servers: options.Servers = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="A limit that is hit is an error, not a partial answer.")
    ] = False,
    as_json: AsJson = False,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Answer QUESTION, about the files if there are any. The answer goes to stdout, all else to stderr."""

    def work() -> int:
        from rlm_async.cli import asking, choice  # noqa: PLC0415 - see the first line of this module

        def asked() -> asking.Asked:
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
                journal=journal,
                journal_content=journal_content,
                fresh=fresh,
                strict=strict,
                mcp=tuple(servers or ()),
            )
            return asking.Asked(
                question=question,
                paths=tuple(paths or ()),
                choices=choices,
                given_model=model,
                schema=options.schema_or_name(schema),
                cite=cite,
                quiet=quiet,
                color=not no_color,
            )

        return asking.printed(asked, as_json=as_json, quiet=quiet)

    guarded(work)


batch_command.add_to(app)
bench_command.add_to(app)
advise_command.add_to(app)
learn_command.add_to(app)
serve_command.add_to(app)
profile_command.add_to(app)
runs_command.add_to(app)
export_command.add_to(app)


@app.command()
def demo(
    model: Annotated[
        str, typer.Option("--model", "-m", help="local:1.5b, local:0.5b, or any other model.")
    ] = "local:1.5b",
    api_base: options.ApiBase = None,
    api_key_env: options.ApiKeyEnv = None,
    journal: options.JournalFile = None,
    yes: Yes = False,
    no_color: options.NoColor = False,
) -> None:
    """Show a real question about a million tokens answered."""

    def work() -> int:
        from rlm_async.cli import demo as demonstration  # noqa: PLC0415 - see the first line of this module

        key = options.key_of(api_key_env, api_base, os.environ)
        choices = options.Choices(model=model, api_base=api_base, api_key=key, journal=journal)
        return demonstration.shown(choices, yes=yes, color=not no_color)

    guarded(work)


@app.command()
def doctor(api_base: options.ApiBase = None, api_key_env: options.ApiKeyEnv = None, as_json: AsJson = False) -> None:
    """Say what works, and what to do about what does not."""

    def work() -> int:
        from rlm_async.cli import doctor as examination  # noqa: PLC0415 - see the first line of this module

        key = options.key_of(api_key_env, api_base, os.environ)
        return examination.examined(api_base, key, as_json=as_json)

    guarded(work)


@local.command("install")
def local_install(name: Weights = None) -> None:
    """Fetch a model's weights; says first how large they are."""

    def work() -> int:
        from rlm_async.cli import local as machine  # noqa: PLC0415 - see the first line of this module

        return machine.install(name)

    guarded(work)


@local.command("status")
def local_status(as_json: AsJson = False) -> None:
    """Show which there are, which are installed, what runs."""

    def work() -> int:
        from rlm_async.cli import local as machine  # noqa: PLC0415 - see the first line of this module

        return machine.status(as_json=as_json)

    guarded(work)


@local.command("remove")
def local_remove(name: Annotated[str, typer.Argument(help="1.5b, 0.5b or 135m.")]) -> None:
    """Delete the weights of a local model."""

    def work() -> int:
        from rlm_async.cli import local as machine  # noqa: PLC0415 - see the first line of this module

        return machine.remove(name)

    guarded(work)


@local.command("stop")
def local_stop() -> None:
    """End its server; the next question starts it again."""

    def work() -> int:
        from rlm_async.cli import local as machine  # noqa: PLC0415 - see the first line of this module

        return machine.stop()

    guarded(work)


@sandbox.command("exec")
def sandbox_exec(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Cells of Python, separated by lines `# %%`.")],
    context: Annotated[
        list[str] | None, typer.Option("--context", metavar="PATH", help="What `context` holds; again for more.")
    ] = None,
    require: Annotated[
        list[str] | None, typer.Option("--require", metavar="LAYER", help="A wall that must stand; again for more.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="policy", help="Run plain Python, to try the other walls by themselves."),
    ] = None,
    sandbox_mode: options.SandboxMode = None,
    as_json: AsJson = False,
) -> None:
    """Run code as if a model had written it."""

    def work() -> int:
        from rlm_async.cli import trial  # noqa: PLC0415 - see the first line of this module

        walls = (tuple(require or ()), tuple(without or ()), sandbox_mode)
        return trial.executed(trial.Trial(file, tuple(context or ()), *walls), as_json=as_json)

    guarded(work)
