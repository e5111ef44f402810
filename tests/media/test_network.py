"""The network: built by hand, it sees what other programs with the same weights see."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from property_video.media import network
from property_video.media.network import CLASSES, FEATURES, Network, onnx_model, softmax
from property_video.media.weights import read_weights, weights_file

SAMPLE = Path(__file__).parents[2] / "property_video" / "sample"

HOME_THEATER, MOBILE_HOME, PATIO = 598, 660, 706


@pytest.fixture(scope="module")
def net() -> Network:
    return Network()


def picture(name: str) -> np.ndarray:
    return cv2.imread(str(SAMPLE / f"{name}.jpg"))


def noise(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (200, 300, 3), np.uint8)


GOLDEN = {
    "DSC_0120": (PATIO, 0.947, 0.99),
    "DSC_0118": (PATIO, 0.679, 0.87),
    "DSC_0106": (HOME_THEATER, 0.350, 0.71),
    "DSC_0101": (MOBILE_HOME, 0.419, 0.64),
}
"""Likeliest class, its probability at 256 pixels, and at 224: the latter as PyTorch has it with the same weights."""


@pytest.mark.parametrize("name", GOLDEN)
def test_the_likeliest_classes_of_the_sample_are_these(net, name):
    best, probability, _ = GOLDEN[name]
    seen = net.see(picture(name))
    assert int(seen.probabilities.argmax()) == best
    assert seen.probabilities[best] == pytest.approx(probability, abs=0.015)


def test_at_the_side_it_was_trained_at_the_network_sees_what_pytorch_sees(monkeypatch):
    monkeypatch.setattr(network, "SIDE", 224)
    trained = Network()
    for name, (best, _, probability) in GOLDEN.items():
        seen = trained.see(picture(name))
        assert int(seen.probabilities.argmax()) == best
        assert seen.probabilities[best] == pytest.approx(probability, abs=0.015)


def test_what_is_seen_has_its_shapes_and_the_feature_is_the_mean_of_the_activation(net):
    seen = net.see(noise())
    assert seen.probabilities.shape == (CLASSES,)
    assert seen.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert seen.feature.shape == (FEATURES,)
    assert seen.activation.shape == (FEATURES, 8, 8)
    assert np.allclose(seen.feature, seen.activation.mean(axis=(1, 2)), atol=1e-4)
    assert 0 <= seen.activation.min() < seen.activation.max() <= 6  # ReLU6


def test_probabilities_follow_from_the_feature_by_the_last_layer(net):
    seen = net.see(noise())
    bias = read_weights(weights_file())["_fc.bias"]
    assert np.allclose(softmax(net.classifier @ seen.feature + bias), seen.probabilities, atol=1e-5)


def test_an_earlier_look_leaves_nothing_behind(net):
    before = net.see(noise(1))
    net.see(noise(2))
    again = net.see(noise(1))
    assert np.array_equal(before.feature, again.feature)
    assert np.array_equal(before.probabilities, again.probabilities)


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 1024, 3), (1024, 40, 3)])
def test_pictures_of_any_shape_are_seen(net, shape):
    assert np.isfinite(net.see(np.full(shape, 90, np.uint8)).feature).all()


def test_the_same_weights_make_the_same_model():
    weights = read_weights(weights_file())
    assert onnx_model(weights) == onnx_model(weights)


def test_softmax_bears_large_numbers_and_works_along_the_last_axis():
    found = softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3.0)]], np.float32))
    assert found.tolist() == [[0.5, 0.5], [pytest.approx(0.25), pytest.approx(0.75)]]
