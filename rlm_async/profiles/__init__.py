"""Profiles by name, as distributions bring them, and the choice of one by a look at the context."""

from rlm_async.profiles.choice import Chosen, choose, prepared
from rlm_async.profiles.installed import installed, load

__all__ = ["Chosen", "choose", "installed", "load", "prepared"]
