"""Developing: a photo's exposure and white balance brought gently towards fixed targets, as a photo lab would.

Each photo by itself, so that a change of one photo changes no other scene. Black stays black and white stays white:
the correction is one power curve a channel, so that nothing clips and nothing in the picture appears or vanishes.

Not here: judging exposure (media/look.py), geometry and colour conversion (media/canvas.py).
"""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

MIDDLE: Final = 150.0
"""Luma (0..255) a photo's median is drawn to: the median of the sample's daylight photos and of fifty-six photos of
the Houses data set, 150 and 147."""

EXPOSURE_SHARE: Final = 0.4
"""How far towards `MIDDLE`: a bright room stays brighter than a dark one."""

EXPOSURE_EXPONENTS: Final = (0.8, 1.05)
"""The power curve of the exposure, at the least and at the most: a median of 100 may rise to 121 or fall to 95. Bright
rooms are what the genre wants, hence the second bound."""

BALANCE_SHARE: Final = 0.5
MOST_BALANCE: Final = 0.035
"""Most that a channel's middle may gain or lose: daylight and lamplight keep their character."""

WARMTH: Final = np.array([1.02, 1.0, 0.98])
"""What near-grey surfaces of a well-balanced interior have, relative to their mean (R, G, B): a little warm."""

GREYISH: Final = 0.25
"""Saturation (HSV, 0..1) below which a pixel counts as a grey surface under the photo's light."""

LEAST_GREY: Final = 0.2
"""Share of near-grey pixels without which the white balance is left alone: lawns and sunsets say nothing of it."""

_SAMPLE: Final = 64
_LUMA: Final = np.array([0.2126, 0.7152, 0.0722])


def develop(picture: "Image.Image", dusk: bool) -> "Image.Image":
    """The RGB picture, evened; a dusk photo as it is, because its darkness and colour are what it is taken for."""
    if dusk:
        return picture
    from PIL import Image

    small = picture.resize((_SAMPLE, _SAMPLE), Image.Resampling.BOX, reducing_gap=1.0)
    exponents = correction(np.asarray(small))
    levels = np.arange(256) / 255.0
    table = np.concatenate([np.round(255.0 * levels**exponent) for exponent in exponents])
    return picture.point(table.astype(int).tolist())


def correction(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Exponents of the power curves (R, G, B) for a small (height, width, 3) RGB picture; 1 = no change."""
    pixels = picture.reshape(-1, 3).astype(float)
    luma = pixels @ _LUMA
    middle = float(np.clip(np.median(luma), 8.0, 247.0))
    exposure = (np.log(MIDDLE / 255.0) / np.log(middle / 255.0)) ** EXPOSURE_SHARE
    exposure = float(np.clip(exposure, *EXPOSURE_EXPONENTS))

    brightest, darkest = pixels.max(axis=1), pixels.min(axis=1)
    grey = (brightest - darkest < GREYISH * brightest) & (luma > 40) & (luma < 245)
    if grey.mean() < LEAST_GREY:
        return np.full(3, exposure)
    cast = pixels[grey].mean(axis=0)
    gains = (WARMTH * cast.mean() / cast) ** BALANCE_SHARE
    gains = np.clip(gains / (gains @ _LUMA), 1.0 - MOST_BALANCE, 1.0 + MOST_BALANCE)
    # x^(a + ln g / ln .5) is g times x^a at the middle level; a reference as bright as the grey surfaces often are
    # would tint the shadows.
    return np.asarray(exposure + np.log(gains) / np.log(0.5))
