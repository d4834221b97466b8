"""The commands `show`, `serve` and `mcp`: what can be typed, and nothing that takes time to load."""

# ruff: noqa: FBT002 - a flag is a keyword to typer, with a default
# ruff: noqa: PLC0415 - each command loads what it needs when it is called

from __future__ import annotations

import os
from typing import Annotated

import typer

from rlm_async.cli import options
from rlm_async.cli.boundary import guarded
from rlm_async.cli.runs_place import JournalFile


def add_to(app: typer.Typer) -> None:
    """Make them commands of `app`."""
    app.command("show")(show)
    app.command("serve")(serve)
    app.command("mcp")(mcp)


def show(
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run's name, the beginning of it, or last.")] = "last",
    journal: JournalFile = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Default: run-NAME.html in this folder; - is stdout."),
    ] = None,
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    content: Annotated[
        bool, typer.Option("--content/--no-content", help="Without content: times, states and costs, no texts.")
    ] = True,
) -> None:
    """Make one HTML page of a run: tree, timeline, each node's turns, code, output, cost. Opens from disk, offline."""

    def work() -> int:
        from rlm_async.cli import show as page

        return page.shown(page.Shown(run=run, journal=journal, output=output, content=content, open=browse))

    guarded(work)


def serve(  # noqa: PLR0917 - what can be typed, each an option of its own
    model: options.ModelName = None,
    sub_model: options.SubModelName = None,
    api_base: options.ApiBase = None,
    api_key_env: options.ApiKeyEnv = None,
    host: Annotated[str, typer.Option("--host", help="Others reach it only with keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0: any that is free.")] = 8000,
    keys: Annotated[
        str | None,
        typer.Option("--keys", metavar="FILE", help="Who may ask, and how much (TOML). Default: $RLM_ASYNC_SERVE_KEY."),
    ] = None,
    grace: Annotated[float, typer.Option("--grace", metavar="SECONDS", help="For runs under way at the end.")] = 30.0,
    depth: options.Depth = None,
    concurrency: options.Concurrency = None,
    limit: options.LimitPairs = None,
    rate: options.RatePairs = None,
    strategy: options.StrategyName = "auto",
    profile: options.ProfileName = "auto",
    sandbox_mode: options.SandboxMode = None,
    journal: Annotated[
        str | None, typer.Option("--journal", metavar="FILE", help="Keep the runs in this file.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Answer OpenAI clients: /v1/chat/completions, /v1/responses, /v1/models. Limits hold for each request."""

    def work() -> int:
        from rlm_async.cli import choice
        from rlm_async.cli import serve as server

        choices = options.Choices(
            model=choice.model_named(model, api_base, os.environ),
            sub_model=sub_model,
            api_base=api_base,
            api_key=options.key_of(api_key_env, api_base, os.environ),
            limits=options.limits(limit, depth),
            rates=options.rates(rate, concurrency),
            strategy=strategy,
            profile=profile,
            sandbox=sandbox_mode,
            journal=journal,
        )
        served = server.Served(
            choices=choices, given_model=model, host=host, port=port, keys=keys, grace=grace, quiet=quiet
        )
        return server.serve(served)

    guarded(work)


def mcp(  # noqa: PLR0917 - what can be typed, each an option of its own
    model: options.ModelName = None,
    sub_model: options.SubModelName = None,
    api_base: options.ApiBase = None,
    api_key_env: options.ApiKeyEnv = None,
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP instead of standard input and output.")] = False,
    host: Annotated[str, typer.Option("--host", help="With --http; others reach it only with keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="With --http; 0: any that is free.")] = 8001,
    keys: Annotated[
        str | None,
        typer.Option("--keys", metavar="FILE", help="With --http: who may ask (TOML). Default: $RLM_ASYNC_SERVE_KEY."),
    ] = None,
    root: Annotated[
        list[str] | None,
        typer.Option(
            "--root",
            metavar="FOLDER",
            help="Below which files may be read; again for more. Default: everywhere, and with --http nowhere.",
        ),
    ] = None,
    depth: options.Depth = None,
    concurrency: options.Concurrency = None,
    limit: options.LimitPairs = None,
    rate: options.RatePairs = None,
    strategy: options.StrategyName = "auto",
    profile: options.ProfileName = "auto",
    sandbox_mode: options.SandboxMode = None,
    journal: options.JournalFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Give agents tools that ask about files, folders and text of any length (Model Context Protocol)."""

    def work() -> int:
        from rlm_async.cli import choice
        from rlm_async.cli import mcp as agents

        choices = options.Choices(
            model=choice.model_named(model, api_base, os.environ),
            sub_model=sub_model,
            api_base=api_base,
            api_key=options.key_of(api_key_env, api_base, os.environ),
            limits=options.limits(limit, depth),
            rates=options.rates(rate, concurrency),
            strategy=strategy,
            profile=profile,
            sandbox=sandbox_mode,
            journal=journal,
        )
        return agents.offer(
            agents.Offered(
                choices=choices,
                given_model=model,
                http=http,
                host=host,
                port=port,
                keys=keys,
                roots=tuple(root or ()),
                quiet=quiet,
            )
        )

    guarded(work)
