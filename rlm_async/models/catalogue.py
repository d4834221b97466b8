"""What is known of models by name: litellm's bundled list of windows and prices, read without importing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import msgspec

from rlm_async.core.usage import ModelInfo, Price

_LIST = "model_prices_and_context_window_backup.json"
_MILLION = 1_000_000
_CHATS = frozenset({"chat", "responses", "completion"})


class _Entry(msgspec.Struct):
    """The fields that are used of some hundred; prices are dollars a token."""

    litellm_provider: str = ""
    mode: str = ""
    max_input_tokens: Annotated[float, msgspec.Meta(ge=0)] | str | None = None
    max_output_tokens: Annotated[float, msgspec.Meta(ge=0)] | str | None = None
    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None
    cache_read_input_token_cost: float | None = None

    def info(self, name: str) -> ModelInfo:
        """As a record of ours."""
        price = None
        if self.input_cost_per_token is not None and self.output_cost_per_token is not None:
            cached = self.cache_read_input_token_cost
            price = Price(
                prompt=self.input_cost_per_token * _MILLION,
                completion=self.output_cost_per_token * _MILLION,
                cached=None if cached is None else cached * _MILLION,
            )
        return ModelInfo(
            name=name, window=_whole(self.max_input_tokens), max_output=_whole(self.max_output_tokens), price=price
        )


class PriceList:
    """The bundled list, read at first use (3 MB, about 30 ms): call `load` off the loop before."""

    def __init__(self, find: Callable[[], Path | None] | None = None) -> None:
        """Use the list that `find` finds; by default litellm's."""
        self._find = find or _litellm_list
        self._entries: Mapping[str, _Entry] | None = None

    def load(self) -> Mapping[str, _Entry]:
        """Read the list, once."""
        if self._entries is None:
            path = self._find()
            self._entries = {} if path is None else _read(path)
        return self._entries

    def __call__(self, model: str) -> ModelInfo:
        """What the list says of a model by its litellm name; all unknown where it says nothing."""
        entries = self.load()
        entry = entries.get(model)
        if entry is None and "/" in model:
            provider, _, name = model.partition("/")
            found = entries.get(name)
            if found is not None and found.litellm_provider.split("-")[0].split("_")[0] == provider.split("_")[0]:
                entry = found
        if entry is None or entry.mode not in _CHATS:
            return ModelInfo(name=model)
        return entry.info(model)


def _litellm_list() -> Path | None:
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / _LIST
    return path if path.is_file() else None


def _read(path: Path) -> dict[str, _Entry]:
    """Each entry on its own: one of an unexpected shape costs only itself."""
    entries = {}
    for name, raw in msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw]).items():
        try:
            entries[name] = msgspec.json.decode(raw, type=_Entry)
        except msgspec.ValidationError:
            continue
    return entries


def _whole(value: float | str | None) -> int | None:
    return int(value) if isinstance(value, float) and value > 0 else None
