"""docs/how-to/profiles.md, followed to the letter: in a folder and an environment of their own."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "profiles.md").read_text("utf-8")
STEPS = re.findall(r"^```(console|py)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PROGRAMS = {"pip": "pip", "rlm-async": "rlm_async"}


@pytest.fixture
def environment(tmp_path):
    """An environment that has what this one has, and where what is installed is gone afterwards."""
    place = tmp_path / "environment"
    venv.create(place, symlinks=os.name != "nt")
    programs = place / ("Scripts" if os.name == "nt" else "bin")
    python = programs / "python"
    (packages,) = place.glob("lib/python*/site-packages")
    above = sysconfig.get_paths()["purelib"]  # with its own .pth files, by which editable installs are found
    (packages / "above.pth").write_text(f"import site; site.addsitedir({above!r})\n{ROOT}\n")
    for name, module in PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{python}" -m {module} "$@"\n')
        (programs / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    return {**kept, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(place)}


@pytest.mark.slow
@pytest.mark.required_in_ci("the how-to is a promise")
@pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts here")
@pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling builds the plugin: pip install --group dev")
def test_a_plugin_made_by_the_how_to_is_found_runs_and_passes_the_suite(environment, tmp_path):
    told = []
    for kind, text in STEPS:
        if kind == "py":
            (tmp_path / "try.py").write_text(text)
            told.append(followed("python try.py", environment, tmp_path))
            continue
        for line in text.splitlines():
            assert line.startswith("$ "), line
            told.append(followed(line.removeprefix("$ "), environment, tmp_path))
    _, _, listed, ran, checked = told
    assert "logbook: diaries\n    entries(doc=None): the entries" in listed
    assert ran == "['2025-05-03'] logbook\n"
    assert checked.count("holds  ") == 9
    assert "FAILS" not in checked


def followed(line, environment, folder):
    program, *arguments = shlex.split(line)
    where = environment["PATH"].split(os.pathsep)[0]
    done = subprocess.run(
        [str(Path(where) / program), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
    return done.stdout
