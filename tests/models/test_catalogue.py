"""What is known of models by name."""

import json
import sys

import pytest

from rlm_async.core.usage import ModelInfo, Price
from rlm_async.models.catalogue import PriceList

LISTED = {
    "gpt-x": {
        "litellm_provider": "openai",
        "mode": "chat",
        "max_input_tokens": 1000,
        "max_output_tokens": 100,
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 4e-6,
        "cache_read_input_token_cost": 1e-7,
    },
    "other/y": {"litellm_provider": "other", "mode": "chat", "max_input_tokens": "a lot"},
    "painter": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_token": 1},
    "odd": {"litellm_provider": 7},
}


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(LISTED), encoding="utf-8")
    return PriceList(lambda: path)


@pytest.mark.parametrize("name", ["gpt-x", "openai/gpt-x"])
def test_window_output_and_prices_are_read(prices, name):
    price = Price(prompt=1.0, completion=4.0, cached=pytest.approx(0.1))
    assert prices(name) == ModelInfo(name=name, window=1000, max_output=100, price=price)


@pytest.mark.parametrize("name", ["nobody", "another/gpt-x", "painter", "odd", "other/y"])
def test_what_is_not_known_is_unknown_and_never_an_error(prices, name):
    assert prices(name) == ModelInfo(name=name)


def test_without_a_list_nothing_is_known():
    assert PriceList(lambda: None)("gpt-x") == ModelInfo(name="gpt-x")


def test_litellms_own_list_is_read_without_importing_it():
    loaded = "litellm" in sys.modules
    prices = PriceList()
    assert prices("openai/gpt-4o").price == Price(prompt=2.5, completion=10.0, cached=1.25)
    assert prices("anthropic/claude-sonnet-4-5").window >= 200_000
    assert ("litellm" in sys.modules) == loaded
