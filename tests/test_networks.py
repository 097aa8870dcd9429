"""Architectures are functions from arguments to models that return logits."""

import numpy as np
import pytest

from brainseg.networks import build_unet


@pytest.mark.parametrize(("levels", "size"), [(2, 32), (3, 64), (5, 96)])
def test_a_unet_returns_one_logit_a_pixel_on_any_multiple_of_its_grid(levels, size):
    network = build_unet(channels=5, base_features=4, levels=levels)
    logits = network(np.zeros((2, size, size, 5), np.float32))
    assert tuple(logits.shape) == (2, size, size, 1)
    assert network.output.dtype == "float32"


def test_the_shipped_size_has_about_two_million_weights():
    assert 1.8e6 < build_unet(channels=5).count_params() < 2.1e6
