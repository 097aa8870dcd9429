"""The networks: their shapes, their size, and what an encoder keeps of what it learned elsewhere."""

import shutil

import numpy as np
import pytest

from brainseg.errors import ModelError
from brainseg.models import MODELS
from brainseg.models.networks import ARCHITECTURES, build_lite_unet, build_unet
from brainseg.models.networks.encoders import ENCODERS, load_encoder, open_encoder
from brainseg.training.config import ENCODERS_OF

LITE0 = "efficientnet-lite0"


@pytest.mark.parametrize(("levels", "size"), [(2, 32), (3, 64), (5, 96)])
def test_a_unet_returns_one_logit_a_pixel_on_any_multiple_of_its_grid(levels, size):
    network = build_unet(channels=5, base_features=4, levels=levels)
    logits = network(np.zeros((2, size, size, 5), np.float32))
    assert tuple(logits.shape) == (2, size, size, 1)
    assert network.output.dtype == "float32"


def test_a_lite_unet_returns_one_logit_a_pixel():
    network = build_lite_unet(channels=5, decoder_features=(8, 8, 8, 8, 4))
    logits = network(np.zeros((1, 64, 96, 5), np.float32))
    assert tuple(logits.shape) == (1, 64, 96, 1)
    assert network.output.dtype == "float32"


def test_the_networks_have_about_two_and_four_million_weights():
    assert 1.8e6 < build_unet(channels=5).count_params() < 2.1e6
    assert 3.5e6 < build_lite_unet(channels=5).count_params() < 4.0e6


def test_every_architecture_and_encoder_can_be_chosen_in_a_training():
    assert set(ENCODERS_OF) == set(ARCHITECTURES)
    assert {name for names in ENCODERS_OF.values() for name in names if name} == set(ENCODERS)


def test_a_copy_of_a_lite_unet_is_the_same_network():
    import keras

    network = build_lite_unet(channels=4, decoder_features=(8, 8, 8, 8, 4))
    twin = keras.models.clone_model(network)
    twin.set_weights(network.get_weights())
    slices = np.random.default_rng(2).standard_normal((1, 32, 32, 4)).astype(np.float32)
    np.testing.assert_array_equal(twin(slices), network(slices))


def test_an_encoder_with_frozen_normalisation_gives_what_it_gave_with_it():
    import keras

    weights = open_encoder(LITE0)
    network = build_lite_unet(channels=3)
    load_encoder(network, weights, [], channels=3)
    normalised = build_lite_unet(channels=3, normalised_encoder=True)
    for layer in normalised.layers:
        if layer.name.startswith(("stem", "block")) and layer.weights:
            layer.set_weights([weights[f"{layer.name}/{v.name}"] for v in layer.weights])
    slices = np.random.default_rng(1).standard_normal((2, 64, 64, 3)).astype(np.float32)
    deepest = [
        np.asarray(keras.Model(each.input, each.get_layer("up0_grow").input)(slices))
        for each in (network, normalised)
    ]
    assert deepest[1].shape == (2, 2, 2, 320)
    assert deepest[1].std() > 0.1
    np.testing.assert_allclose(deepest[0], deepest[1], rtol=1e-3, atol=1e-2)


def test_a_slice_like_its_neighbours_meets_the_filters_of_red_green_and_blue():
    weights = open_encoder(LITE0)
    network = build_lite_unet(channels=5)
    load_encoder(network, weights, [], channels=5)
    filters = network.get_layer("stem").get_weights()[0]
    rgb = weights["stem/kernel"]
    np.testing.assert_allclose(filters[:, :, [0, 2]], rgb[:, :, [0, 2]])
    np.testing.assert_allclose(filters[:, :, [1, 3, 4]].sum(axis=2), rgb[:, :, 1], rtol=1e-5)


def test_normalisation_is_measured_on_the_slices_that_teach():
    weights = open_encoder(LITE0)
    rng = np.random.default_rng(3)
    bright = [rng.normal(5, 2, (2, 64, 64, 5)).astype(np.float32) for _ in range(3)]
    networks = [build_lite_unet(channels=5) for _ in range(2)]
    load_encoder(networks[0], weights, [], channels=5)
    load_encoder(networks[1], weights, bright, channels=5)
    _, scale, bias = networks[0].get_layer("stem").get_weights()
    _, measured_scale, measured_bias = networks[1].get_layer("stem").get_weights()
    assert np.abs(measured_scale - scale).max() > 0.01
    assert np.abs(measured_bias - bias).max() > 0.01


def test_an_encoder_of_another_content_is_refused_unopened(tmp_path):
    shutil.copytree(MODELS / LITE0, tmp_path / LITE0)
    file = tmp_path / LITE0 / "encoder.npz"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256 differs"):
        open_encoder(LITE0, tmp_path)
    with pytest.raises(ModelError, match=r"unknown encoder “\.\./lgg-unet”"):
        open_encoder("../lgg-unet")
