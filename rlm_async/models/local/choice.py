"""Which weights a model's name means: `local`, `local:0.5b`, `local:/path/file.gguf`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rlm_async.core.usage import ModelInfo, Price
from rlm_async.errors import ConfigError
from rlm_async.models.local.install import OWN, Installer
from rlm_async.models.local.settings import Settings
from rlm_async.models.local.store import check_gguf, known_digest
from rlm_async.models.local.weights import WEIGHTS, Weights, find

PREFIX = "local"
MAX_OUTPUT = 2_048
"""Completion tokens at most. Small models run into loops; this ends them within two minutes."""
ABLE = 4 << 30
"""Bytes of a file below which a model counts as weak: seven billion weights of four bits are more."""
FREE = Price(prompt=0, completion=0)


@dataclass(frozen=True, slots=True)
class Choice:
    """A file of weights, and what is known of it; `weights` is None for a file of the user's own."""

    path: Path
    weights: Weights | None

    @property
    def name(self) -> str:
        """As the server calls it and as usage is counted."""
        return self.weights.name if self.weights else self.path.stem

    @property
    def note(self) -> str:
        """Which model answers and what it cannot do, in one line."""
        if self.weights is None:
            return f"{self.name}, your own file, answers on this machine: its quality is not known to us"
        return f"{self.name} answers on this machine, free of charge: it {self.weights.note}"

    def settings(self, environ: Mapping[str, str]) -> Settings:
        """The server for these weights."""
        return Settings.of(self.path, self.name, environ, self.weights.trained if self.weights else None)


def is_local(model: str) -> bool:
    """Whether a model's name means one of these."""
    return model == PREFIX or model.startswith(f"{PREFIX}:") or model.endswith(".gguf")


def choose(model: str, environ: Mapping[str, str] | None = None) -> Choice:
    """The weights that `model` means; raises ConfigError, which names the command that installs them."""
    environ = os.environ if environ is None else environ
    installer = Installer.of(environ)
    wanted = model.removeprefix(PREFIX).removeprefix(":")
    if wanted.endswith(".gguf"):
        return _own(Path(wanted).expanduser())
    if wanted:
        weights = find(wanted)
        path = installer.where(weights)
        if path is None:
            raise ConfigError(f"{weights.name} is not installed: run 'rlm-async local install {weights.name}'")
        return Choice(path, weights)
    own = installer.own
    if own is not None and not own.is_dir():
        return _own(own, f"{OWN} names ")
    for weights in WEIGHTS:
        if (path := installer.where(weights)) is not None:
            return Choice(path, weights)
    raise ConfigError(
        "no local model is installed: run 'rlm-async local install' (1.1 GB), "
        "or name a provider's model with --model, or a file of your own with --model FILE.gguf"
    )


def info(model: str, choice: Choice, settings: Settings) -> ModelInfo:
    """What is known of a chosen model, under the name it was asked for by."""
    return ModelInfo(
        name=model,
        window=settings.window,
        max_output=min(MAX_OUTPUT, settings.window // 2),
        price=FREE,
        concurrency=settings.slots,
        weak=choice.path.stat().st_size < ABLE,
        note=choice.note,
    )


def _own(path: Path, said: str = "") -> Choice:
    """A file that the user names; one of ours by its content, whatever it is called."""
    if not path.is_file():
        raise ConfigError(f"{said}{path}: there is no such file")
    check_gguf(path)
    size = path.stat().st_size
    for weights in WEIGHTS:
        if size == weights.size and known_digest(path) == weights.sha256:
            return Choice(path, weights)
        if path.name == weights.file:
            raise ConfigError(
                f"{path} has the name of the official {weights.name} and not its content: "
                "it is damaged or incomplete; fetch it again, or rename it if it is another model"
            )
    return Choice(path, None)
