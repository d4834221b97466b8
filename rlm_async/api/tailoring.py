"""The profile of a question's context: the one that was named, or the one that fits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import anyio.to_thread

from rlm_async.core.context import EMPTY, Context
from rlm_async.core.profile import PLAIN, Profile
from rlm_async.errors import ConfigError
from rlm_async.profiles import choose, installed, load, prepared
from rlm_async.profiles.installed import made

AUTO = "auto"


@dataclass(frozen=True)
class Tailor:
    """Chooses profiles; `named` is a name, `auto`, or a profile itself."""

    named: str | Profile

    @classmethod
    def of(cls, profile: str | Profile) -> Tailor:
        """Raises ConfigError for a name that nobody brings, before anything runs."""
        if isinstance(profile, Profile):
            return cls(profile)
        if not isinstance(profile, str):
            raise ConfigError(f"a profile is a name or a Profile, not {profile!r}")
        return cls(AUTO if profile == AUTO else load(profile))

    async def fit(self, context: Context) -> tuple[Profile, Context]:
        """The profile for a context, and the context as that profile wants it. Raises ConfigError."""
        return await anyio.to_thread.run_sync(self._fit, context)

    def _fit(self, context: Context) -> tuple[Profile, Context]:
        if isinstance(self.named, Profile):
            profile = self.named
        elif context is EMPTY or not self._known:
            profile = PLAIN
        else:
            profile = choose(context, self._known).profile
        return profile, context if profile is PLAIN else prepared(profile, context)

    @cached_property
    def _known(self) -> tuple[Profile, ...]:
        return tuple(made(entry) for entry in installed().values())
