"""Simple measurements of a photo's picture: sharpness, exposure, a hash to find the same picture again.

All are taken from the preview (long side at most 1024 pixels), so that they cost the same for every photo.
Not here: what the numbers mean (core/quality.py).
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from property_video.core.errors import BadPhoto
from property_video.core.photo import Look

Grey = NDArray[np.uint8]
Gradient = NDArray[np.float32]

EXPOSURE_SIDE: Final = 640
"""Pixels of the long side at which brightness is measured (photos.md, section 3)."""

_REBLUR_SIGMA: Final = 1.5
_STRONGEST: Final = 0.02
_LEAST_GRADIENT: Final = 1.5
_BLOWN: Final = (250, 250, 250)
_WHITE: Final = (255, 255, 255)
_HASH_SIDE: Final = 16


def look_at(preview: Path) -> Look:
    """Measure one preview (an upright sRGB JPEG as `read_photo.prepare_photo` writes it).

    Raises:
        BadPhoto: the file cannot be decoded.
    """
    import cv2

    pixels = np.fromfile(preview, dtype=np.uint8)
    bgr = cv2.imdecode(pixels, cv2.IMREAD_COLOR) if pixels.size else None
    if bgr is None:
        raise BadPhoto(f"The preview {preview.name} cannot be decoded.", "Run again to make it anew.")
    grey: Any = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    small = _at_most(bgr, EXPOSURE_SIDE)
    small_grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    p50, p95 = np.percentile(small_grey, (50, 95))
    return Look(
        sharpness=sharpness(grey),
        p50=float(p50),
        p95=float(p95),
        blown=cv2.countNonZero(cv2.inRange(small, _BLOWN, _WHITE)) / small_grey.size,
        dhash=dhash(grey),
    )


def sharpness(grey: Grey) -> float:
    """How much a slight blur takes away from the strongest edges, in the direction in which that is least; 0..1.

    The re-blur ratio (after F. Crete et al., "The blur effect: perception and estimation with a new no-reference
    perceptual blur metric", 2007) of four directions, over the strongest 2 % of gradients of each. The minimum finds
    motion blur, which smears one direction only: of 5-pixel smears at 640 px, all at 2 % false alarms, where the
    variance of the Laplacian finds 80 % (photos.md, section 3).

    Args:
        grey: (height, width), 8 bits, never enlarged.

    Returns:
        1 for edges of one pixel, near 0 for blurred ones; 0 when the picture has no edges at all.
    """
    import cv2

    blurred = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _REBLUR_SIGMA)
    pairs = zip(_gradients(grey), _gradients(blurred), strict=True)
    return min(_reblur_ratio(before, after) for before, after in pairs)


def _gradients(grey: Any) -> tuple[Gradient, ...]:
    """Sobel gradients along x, y and both diagonals, in grey levels per pixel."""
    import cv2

    along_x = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8)
    along_y = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)
    return along_x, along_y, along_x + along_y, along_x - along_y


def _reblur_ratio(before: Gradient, after: Gradient) -> float:
    before = np.abs(before)
    strong = np.flatnonzero(before >= max(_LEAST_GRADIENT, _level_of_strongest(before)))
    if not strong.size:
        return 0.0
    kept = np.abs(after.ravel()[strong]) / before.ravel()[strong]
    return float(np.clip(1.0 - kept, 0.0, 1.0).mean())


def _level_of_strongest(gradient: Gradient) -> float:
    """The gradient that 2 % of the pixels exceed, from every seventh pixel: widths are no multiples of seven."""
    sample = gradient.ravel()[::7]
    nth = int(sample.size * (1 - _STRONGEST))
    return float(np.partition(sample, nth)[nth])


def dhash(grey: Grey) -> str:
    """Whether each of 16x16 cells is darker than its right neighbour: 256 bits as 64 hexadecimal digits.

    64 bits cannot separate crops from different photos (photos.md, section 4).
    """
    import cv2

    cells = cv2.resize(grey, (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes().hex()


def _at_most(bgr: Any, side: int) -> Any:
    import cv2

    height, width = bgr.shape[:2]
    if max(height, width) <= side:
        return bgr
    scale = side / max(height, width)
    return cv2.resize(bgr, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
