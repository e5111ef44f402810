"""Enlarging: a plane at twice its size, in one pass of two fixed filters each way.

Not here: which part of a photo is enlarged (media/canvas.py), sampling the enlarged plane (media/resample.py).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

LOBES: Final = 3
"""Of the Lanczos kernel: against exact-phase Lanczos frames 54.4 dB, with four lobes 53.1."""

PREFILTER: Final = 0.09
"""`a` of the kernel [-a, 1 + 2a, -a] that is folded in and undoes the droop of bilinear sampling at twice the size:
the frames have 0.996 of the ideal ones' detail, without it 0.87; from 0.12 on they are over-sharpened."""


def doubled(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The (height, width) plane as (2 height, 2 width), its new samples a quarter of a pixel either side of the old.

    At a factor of two only two sets of weights occur along each axis, so that plain filters do what a general resize
    does with weights for every sample: 10 ms instead of the 49 ms of `cv2.resize` with Lanczos and `cv2.sepFilter2D`.
    """
    import cv2

    height, width = plane.shape
    weights = (_WEIGHTS, _WEIGHTS[::-1].copy())
    border = cv2.BORDER_REPLICATE
    halves = [cv2.filter2D(plane, -1, each[np.newaxis], borderType=border) for each in weights]
    wide = cv2.merge(halves).reshape(height, 2 * width)
    out = np.empty((2 * height, 2 * width), np.uint8)
    for row, each in enumerate(weights):
        cv2.filter2D(wide, -1, each[:, np.newaxis], dst=out[row::2], borderType=border)
    return out


def _lanczos(position: float) -> NDArray[np.float64]:
    """Weights of the 2 LOBES + 1 samples around 0 for a value at `position`, between -1 and 1."""
    distance = np.arange(-LOBES, LOBES + 1) - position
    weights = np.where(np.abs(distance) < LOBES, np.sinc(distance) * np.sinc(distance / LOBES), 0.0)
    return np.asarray(weights / weights.sum())


_WEIGHTS: Final = (1 + 2 * PREFILTER) * _lanczos(-0.25) - PREFILTER * (_lanczos(-0.75) + _lanczos(0.25))
"""For the new sample at -1/4 of a pixel, its neighbours at -3/4 and 1/4 taking part in the prefilter; mirrored they
are those for +1/4."""
