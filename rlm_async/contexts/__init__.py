"""Contexts from files, folders and standard input."""

from rlm_async.contexts.intake import ReadLimits, Unreadable
from rlm_async.contexts.loading import load, load_async

__all__ = ["ReadLimits", "Unreadable", "load", "load_async"]
