"""The command line as a process, and a model server for it: the same as for `ask`."""

from tests.cli.conftest import command, endpoint, environ, process

__all__ = ["command", "endpoint", "environ", "process"]
