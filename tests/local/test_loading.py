"""What looking at the local model loads: no HTTP client before someone asks, no drawing before something is drawn."""

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "litellm", "rich", "xllamacpp")


@pytest.mark.parametrize(
    "module", ["rlm_async.models.local.opening", "rlm_async.models.local.install", "rlm_async.models.local.status"]
)
def test_no_client_and_no_drawing_is_loaded(module):
    code = f"import sys, {module}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
