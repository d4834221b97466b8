"""Which profile a context gets where nobody has named one: the one that is surest of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rlm_async.core.context import Context
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.errors import ConfigError

SURE = 0.5
"""Less is not enough: advice for contracts makes nothing of a novel better."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A profile, and why it was chosen, in one line."""

    profile: Profile
    reason: str


def choose(context: Context, profiles: Iterable[Profile]) -> Chosen:
    """The profile that fits best, or the plain one. Raises ConfigError where a profile's own judgement fails."""
    best, most = PLAIN, 0.0
    for profile in profiles:
        sure = _sure(profile, context)
        if sure > most:
            best, most = profile, sure
    if most < SURE:
        return Chosen(PLAIN, "no installed profile fits the input")
    return Chosen(best, f"the input looks like {best.about} ({most:.0%} sure)")


def prepared(profile: Profile, context: Context) -> Context:
    """The context as the profile wants it asked about. Raises ConfigError."""
    try:
        made = profile.prepare(context)
    except Exception as error:  # a boundary: the function is a plugin's
        raise ConfigError(
            f"the profile {profile.name!r} cannot read this input: {type(error).__name__}: {error}; "
            'use --profile plain (profile="plain")'
        ) from error
    if not isinstance(made, Context):
        raise ConfigError(f"the profile {profile.name!r} made a {type(made).__name__} of the input, and no Context")
    return made


def _sure(profile: Profile, context: Context) -> float:
    try:
        return min(1.0, max(0.0, float(profile.fits(context))))
    except Exception as error:  # a boundary: the function is a plugin's
        raise ConfigError(
            f"the profile {profile.name!r} cannot judge this input: {type(error).__name__}: {error}; "
            "name a profile with --profile (profile=…)"
        ) from error
