"""The first source of weights: their makers' own repositories on the Hugging Face hub."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from rlm_async.errors import ConfigError
from rlm_async.models.local.progress import Reporter
from rlm_async.models.local.store import Store, check_space
from rlm_async.models.local.weights import MIB, Weights

ENDPOINT = "https://huggingface.co"
BLOCK = MIB
SILENCE_SECONDS = 10.0
"""A server that says nothing for so long is given up."""
ATTEMPTS = 5
"""Broken connections in a row, without a byte between them, after which it is given up."""


class Hub:
    """Weights by HTTP, taken up where a broken connection left them (range requests, RFC 9110 §14)."""

    def __init__(self, endpoint: str, free: Callable[[Path], int]) -> None:
        """`endpoint` is the hub or a mirror of it, `free` gives the bytes free in a folder."""
        self.endpoint = endpoint.rstrip("/")
        self.free = free

    @property
    def name(self) -> str:
        """The host, as a person is told it."""
        return self.endpoint.partition("://")[2]

    def has(self, weights: Weights) -> bool:
        """Whether it may know these weights."""
        return weights.repository is not None

    def fetch(self, weights: Weights, store: Store, report: Reporter) -> None:
        """Complete the store's part of `weights`; raises ConfigError, and keeps what it has until then."""
        url = f"{self.endpoint}/{weights.repository}/resolve/main/{weights.file}"
        part = store.part(weights)
        failures, reached = 0, False
        while (have := part.stat().st_size if part.is_file() else 0) < weights.size:
            if failures == 0:
                check_space(store.folder, weights.size - have, self.free(store.folder))
            try:
                self._more(url, weights, part, report)
            except urllib.error.HTTPError as error:
                error.close()
                raise ConfigError(f"{self.name} answers {error.code} for {weights.repository}") from error
            except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
                now = part.stat().st_size if part.is_file() else 0
                reached = reached or now > have
                failures = 1 if now > have else failures + 1
                if failures >= ATTEMPTS or not reached:  # never a byte: the next source, without a wait
                    raise ConfigError(f"{self.name} cannot be reached ({_reason(error)})") from error
                report.say(f"  the connection broke ({_reason(error)}); going on from where it was")

    def _more(self, url: str, weights: Weights, part: Path, report: Reporter) -> None:
        """Ask for the rest, and append it."""
        have = part.stat().st_size if part.is_file() else 0
        headers = {"User-Agent": "rlm-async", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the endpoint is the user's own or ours
        with urllib.request.urlopen(request, timeout=SILENCE_SECONDS) as response:  # noqa: S310 - the same
            if response.status != http.HTTPStatus.PARTIAL_CONTENT:
                have = 0  # the server knows no ranges: from the start
            length = response.headers.get("Content-Length")
            if length is not None and have + int(length) != weights.size:
                raise ConfigError(f"{self.name} has another file of this name ({have + int(length)} bytes)")
            with part.open("ab") as out:
                out.truncate(have)
                while block := response.read(BLOCK):
                    out.write(block)
                    have += len(block)
                    report.advance(have, weights.size)
                    if have > weights.size:
                        raise ConfigError(f"{self.name} sends more than the file we know")
        if have < weights.size:
            raise http.client.IncompleteRead(b"", weights.size - have)


def _reason(error: Exception) -> str:
    """A network error in a few words."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return "the connection ended early" if isinstance(cause, http.client.IncompleteRead) else str(cause)
