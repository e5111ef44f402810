"""EfficientNet-lite0 on OpenCV's runtime: what a network trained on ImageNet makes of a picture.

The network is written down as ONNX, by hand (protocol buffers need two kinds of field), in memory: building takes
0.3 CPU s, so that no cache file is kept.

Not here: reading the weights (weights.py), what classes mean for rooms (core/room_model.py).
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from property_video.media.weights import Weights, read_weights, weights_file

Floats = NDArray[np.float32]

SIDE: Final = 256
"""Pixels: pictures are squashed to this square. A centre crop costs 1 % of accuracy, more crops win nothing. The
network was trained at 224; somewhat larger pictures suit such networks better (H. Touvron et al., "Fixing the
train-test resolution discrepancy", 2019): on houses it has not seen, the head errs in 1.2 % instead of 1.4 %."""

CLASSES: Final = 1000
FEATURES: Final = 1280

_MEAN, _SCALE = 127.0, 1 / 128
"""Of the inputs this network was trained on, told from the statistics its first layer has stored."""

_BATCH_NORM_EPSILON: Final = 1e-3

# Repeats, kernel, stride, expansion, channels in, channels out (M. Tan and Q. Le, "EfficientNet", 2019, table 1; the
# lite variant drops squeeze-and-excitation and uses ReLU6).
_STAGES: Final = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


class Seen(NamedTuple):
    """What the network makes of a picture.

    `feature` (1280,) is the mean of `activation` (1280, 8, 8), which keeps the places; `probabilities` (1000,) are of
    ImageNet's classes and sum to 1.
    """

    feature: Floats
    probabilities: Floats
    activation: Floats


class Network:
    """The network, ready to look; about 130 MB. Not for two threads at once.

    Raises:
        BadWeights: the weights are missing or altered.
    """

    def __init__(self) -> None:
        import cv2

        weights = read_weights(weights_file())
        self.classifier: Floats = np.ascontiguousarray(weights["_fc.weight"])
        self._net = cv2.dnn.readNetFromONNX(np.frombuffer(onnx_model(weights), np.uint8))

    def see(self, bgr: NDArray[np.uint8]) -> Seen:
        """Look at a picture (height, width, 3) of any size; 20 CPU ms."""
        import cv2

        square = cv2.resize(bgr, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self._net.setInput(cv2.dnn.blobFromImage(square, _SCALE, mean=(_MEAN,) * 3, swapRB=True), "x")
        feature, logits, activation = self._net.forward(["feature", "logits", "activation"])
        as_floats = [np.array(each[0], np.float32) for each in (feature, logits, activation)]
        return Seen(as_floats[0].ravel(), softmax(as_floats[1]), as_floats[2])


def softmax(logits: Floats) -> Floats:
    """Probabilities of unnormalised log-probabilities, along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def onnx_model(weights: Weights) -> bytes:
    """The network as an ONNX file: input `x` (1, 3, 256, 256), outputs `feature`, `logits` and `activation`."""
    graph = _Graph(weights)
    graph.convolve("x", "_conv_stem", "_bn0", kernel=3, stride=2)
    number = 0
    for repeats, kernel, stride, expansion, channels_in, channels_out in _STAGES:
        for repeat in range(repeats):
            first = repeat == 0
            _block(graph, f"_blocks.{number}.", kernel, stride if first else 1, expansion, first, channels_in)
            number, channels_in = number + 1, channels_out
    graph.convolve(graph.last, "_conv_head", "_bn1", name="activation")
    graph.node("GlobalAveragePool", [graph.last])
    graph.node("Flatten", [graph.last], name="feature", axis=1)
    graph.number("_fc.weight", weights["_fc.weight"])
    graph.number("_fc.bias", weights["_fc.bias"])
    graph.node("Gemm", ["feature", "_fc.weight", "_fc.bias"], name="logits", transB=1)
    shapes = {"feature": (1, FEATURES), "logits": (1, CLASSES), "activation": (1, FEATURES, SIDE // 32, SIDE // 32)}
    return graph.file(("x", (1, 3, SIDE, SIDE)), list(shapes.items()))


def _block(graph: "_Graph", key: str, kernel: int, stride: int, expansion: int, first: bool, channels: int) -> None:
    """An inverted residual: widen, filter each channel, narrow; and add what came in where nothing changed size."""
    came_in = graph.last
    if expansion > 1:
        graph.convolve(came_in, f"{key}_expand_conv", f"{key}_bn0")
    graph.convolve(
        graph.last, f"{key}_depthwise_conv", f"{key}_bn1", kernel=kernel, stride=stride, groups=channels * expansion
    )
    graph.convolve(graph.last, f"{key}_project_conv", f"{key}_bn2", active=False)
    if not first:
        graph.node("Add", [graph.last, came_in])


class _Graph:
    """An ONNX graph in the making; `last` is the name of the newest value, `side` its height and width."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._nodes: list[bytes] = []
        self._numbers: list[bytes] = []
        self.last, self.side = "x", SIDE
        self.number("zero", np.float32(0))
        self.number("six", np.float32(6))

    def convolve(
        self,
        source: str,
        key: str,
        norm: str,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        active: bool = True,
        name: str = "",
    ) -> None:
        """A convolution with its batch normalisation folded in, and ReLU6; padded as TensorFlow does ("SAME")."""
        w = self._weights
        gain = w[f"{norm}.weight"] / np.sqrt(w[f"{norm}.running_var"] + _BATCH_NORM_EPSILON)
        self.number(f"{key}.weight", w[f"{key}.weight"] * gain[:, None, None, None])
        self.number(f"{key}.bias", w[f"{norm}.bias"] - w[f"{norm}.running_mean"] * gain)
        out = math.ceil(self.side / stride)
        missing = max((out - 1) * stride + kernel - self.side, 0)
        before, after = missing // 2, missing - missing // 2
        self.side = out
        self.node(
            "Conv",
            [source, f"{key}.weight", f"{key}.bias"],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=groups,
        )
        if active:
            self.node("Clip", [self.last, "zero", "six"], name=name)

    def node(self, operator: str, inputs: Sequence[str], name: str = "", **attributes: int | list[int]) -> None:
        self.last = name or f"v{len(self._nodes)}"
        self._nodes.append(
            b"".join(_text(1, each) for each in inputs)
            + _text(2, self.last)
            + _text(4, operator)
            + b"".join(_bytes(5, _attribute(key, value)) for key, value in attributes.items())
        )

    def number(self, name: str, value: Any) -> None:
        value = np.asarray(value, "<f4")
        dimensions = b"".join(_int(1, size) for size in value.shape)
        self._numbers.append(dimensions + _int(2, _FLOAT) + _text(8, name) + _bytes(9, value.tobytes()))

    def file(self, given: "_Shaped", wanted: "Iterable[_Shaped]") -> bytes:
        graph = b"".join(
            (
                *(_bytes(1, node) for node in self._nodes),
                _text(2, "efficientnet-lite0"),
                *(_bytes(5, number) for number in self._numbers),
                _bytes(11, _value(*given)),
                *(_bytes(12, _value(*each)) for each in wanted),
            )
        )
        operators = _bytes(8, _text(1, "") + _int(2, 13))
        return _int(1, 8) + _bytes(7, graph) + operators


# --- protocol buffers; the numbers are field numbers of onnx.proto3 (ONNX 1.12: IR version 8, operator set 13)

_Shaped = tuple[str, tuple[int, ...]]

_FLOAT: Final = 1
_INT, _INTS = 2, 7


def _attribute(name: str, value: int | list[int]) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _int(3, value) + _int(20, _INT)
    return _text(1, name) + b"".join(_int(8, each) for each in value) + _int(20, _INTS)


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dimensions = b"".join(_bytes(1, _int(1, size)) for size in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _int(1, _FLOAT) + _bytes(2, dimensions)))


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
