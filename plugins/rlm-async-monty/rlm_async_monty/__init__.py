"""A sandbox whose interpreter is not CPython: code runs in Monty, which has no files, sockets or processes to reach."""

from rlm_async_monty.factory import MontySandbox, make

__all__ = ["MontySandbox", "make"]
