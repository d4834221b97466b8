"""Real tokenizers, from the files that litellm carries with it: no network."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

NAMES = ("cl100k_base", "o200k_base")


@pytest.fixture(scope="session")
def tokenizers():
    """Functions from a text to its exact token count, one for each tokenizer."""
    tiktoken = pytest.importorskip("tiktoken")
    found = importlib.util.find_spec("litellm")
    folder = Path(found.origin).parent / "litellm_core_utils" / "tokenizers" if found and found.origin else Path()
    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        patched.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # what is not in the folder is not fetched
        try:
            encodings = [tiktoken.get_encoding(name) for name in NAMES]
        except OSError as error:
            pytest.skip(f"no tokenizer files beside litellm: {type(error).__name__}")
    return [lambda text, encoding=encoding: len(encoding.encode_ordinary(text)) for encoding in encodings]
