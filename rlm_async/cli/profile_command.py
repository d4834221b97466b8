"""`rlm-async profile list`, `new`, `check`: what can be typed. The work is in modules loaded when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rlm_async.cli.boundary import guarded

profile = typer.Typer(help="What prompts, functions and loading are tailored to: which there are, and new ones.")

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Where texts of examples are that the profile does not bring."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(profile, name="profile", no_args_is_help=True)


@profile.command("list")
def listing() -> None:
    """List the installed profiles: what each is for, its functions and schemas."""

    def work() -> int:
        from rlm_async.cli import profiles  # noqa: PLC0415 - see the first line of this module

        return profiles.listed()

    guarded(work)


@profile.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the profile: small letters, digits, hyphens.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A new or empty folder. Default: rlm-async-NAME.")
    ] = None,
) -> None:
    """Write a plugin that works as it is, to be changed part by part: docs/how-to/profiles.md goes through it."""

    def work() -> int:
        from rlm_async.cli import profiles  # noqa: PLC0415 - see the first line of this module

        return profiles.made(name, folder or Path(f"rlm-async-{name}"))

    guarded(work)


@profile.command()
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An installed profile.")],
    data_dir: DataDir = None,
) -> None:
    """Check that a profile keeps what every profile promises; exit status 1 where it does not."""

    def work() -> int:
        from rlm_async.cli import profiles  # noqa: PLC0415 - see the first line of this module

        return profiles.checked(name, data_dir)

    guarded(work)
