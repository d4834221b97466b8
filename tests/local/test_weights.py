"""The table of weights."""

import pytest

from rlm_async.errors import ConfigError
from rlm_async.models.local.weights import WEIGHTS, find


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda weights: weights.name)
def test_the_carriers_of_a_model_hold_exactly_its_file(weights):
    assert sum(carrier.size for carrier in weights.carriers) == weights.size
    assert all(len(carrier.sha256) == 64 for carrier in weights.carriers)
    assert len({carrier.sha256 for carrier in weights.carriers}) == len(weights.carriers)


def test_the_best_model_comes_first():
    sizes = [weights.size for weights in WEIGHTS]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", ["qwen2.5-coder-0.5b", "0.5b", "local:0.5b", "0.5B", "local:qwen2.5-coder-0.5b"])
def test_a_model_has_a_long_and_a_short_name(name):
    assert find(name).name == "qwen2.5-coder-0.5b"


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(ConfigError, match=r"'70b'.*qwen2\.5-coder-1\.5b \(1\.5b\).*\.gguf"):
        find("70b")


def test_pieces_are_in_numeric_order_not_alphabetic():
    carriers = find("1.5b").carriers
    assert [carrier.requirement.split("==")[0][-2:].strip("t") for carrier in carriers] == [
        str(i) for i in range(1, 23)
    ]
