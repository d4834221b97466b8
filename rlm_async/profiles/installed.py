"""Profiles that installed distributions offer as entry points of the group `rlm_async.profiles`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from rlm_async.core.profile import PLAIN, Profile
from rlm_async.errors import ConfigError
from rlm_async.profiles.file import is_file, read_file

GROUP = "rlm_async.profiles"


def installed() -> Mapping[str, EntryPoint]:
    """Their entry points by name; nothing is loaded."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


def load(name: str) -> Profile:
    """The profile of a name, or in a file; `plain` is always there. Raises ConfigError, naming what is at fault."""
    if name == PLAIN.name:
        return PLAIN
    if is_file(name):
        return loaded(name)
    found = installed()
    if name not in found:
        names = ", ".join(["auto", PLAIN.name, *found])
        raise ConfigError(f"there is no profile {name!r}; choose one of: {names}, or install the plugin that brings it")
    return made(found[name])


def loaded(name: str) -> Profile:
    """The profile in a file, over the installed one that it names. Raises ConfigError."""
    found, named = read_file(name)
    if is_file(found.base):
        raise ConfigError(f"the profile {name} is based on the file {found.base}; name an installed profile, or none")
    return found.over(load(found.base) if found.base else PLAIN, named)


def made(entry: EntryPoint) -> Profile:
    """What an entry point gives. Raises ConfigError."""
    source = f"the profile {entry.name!r} of {_distribution(entry)}"
    try:
        profile = entry.load()()
    except Exception as error:  # a boundary: a plugin's import and factory may raise anything
        raise ConfigError(f"{source} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(profile, Profile):
        raise ConfigError(f"{source} gives a {type(profile).__name__} and no Profile")
    if profile.name != entry.name:
        raise ConfigError(f"{source} calls itself {profile.name!r}; both names must be the same")
    return profile


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value
