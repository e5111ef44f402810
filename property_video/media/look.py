"""Looking at a photo: sharpness, exposure, tilt, what catches the eye, a hash, and what a network makes of it.

All is taken from the preview (long side at most 1024 pixels), so that it costs the same for every photo: 75 CPU ms, 25
of them the network, 20 tilt, 10 sharpness. Methods and their measured merits: photos.md.

Not here: what the numbers mean (core/quality.py, core/room_model.py), the network itself (network.py), the process in
which this runs (look_worker.py).
"""

import base64
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from property_video.core.errors import BadPhoto
from property_video.core.room_model import ROOMS, TABLE, masses
from property_video.media.network import CLASSES, Network, Seen
from property_video.media.room_head import load_head

if TYPE_CHECKING:
    from property_video.core.photo import Look

Grey = NDArray[np.uint8]
Gradient = NDArray[np.float32]
Map = NDArray[np.float32]

EXPOSURE_SIDE: Final = 640
"""Pixels of the long side at which brightness and tilt are measured (photos.md, section 3)."""

_REBLUR_SIGMA: Final = 1.5
_STRONGEST: Final = 0.02
_LEAST_GRADIENT: Final = 1.5
_BLOWN: Final = (250, 250, 250)
_WHITE: Final = (255, 255, 255)
_HASH_SIDE: Final = 16

_VERTICAL: Final = 12.0
"""Degrees from upright within which a line is taken for a vertical of the building."""

_LEAST_LENGTH: Final = 0.08
"""Of the height: shorter lines are texture."""

_LEAST_LINES: Final = 12
_MOST_KEYSTONE: Final = 6.0
"""Degrees. Fewer lines, or a stronger keystone, are no building: palms gave -3.1 degrees of tilt."""

_MAP_SIDE: Final = 64
_SALIENCY_SIDE: Final = 16
_EDGE_SIDE: Final = 320
_SALIENCY_WEIGHTS: Final = (0.35, 0.35, 0.15, 0.15)
"""Of network, edges, spectral residual and centre: keeps what a photo is of in 11 of 12 crops, and moves by 4 % of the
width when the photo is mirrored; the network alone moves by 13 % (photos.md, section 6)."""

_POOL_SIZE: Final = (256, 192)
_POOL_COLOURS: Final = (
    ((80, 75, 70), (104, 255, 255)),
    ((80, 150, 70), (112, 255, 255)),
    ((82, 42, 150), (99, 255, 255)),
)
"""Ranges of OpenCV's hue, saturation and value: shallow, deep, lit at night. Looser ones take shaded driveways."""


class Eyes:
    """The network and the head trained on its features. Threads may share it: one looks at a time.

    Raises:
        BadWeights: the network's weights are missing or altered.
    """

    def __init__(self) -> None:
        self._network = Network()
        self._head = load_head()
        self._lock = threading.Lock()
        # What each class says of a room, next to what it says on average: where to look for that room in a picture.
        self._towards = self._network.classifier - self._network.classifier.mean(axis=0)

    def see(self, bgr: Any) -> tuple[dict[str, Any], Map]:
        """What a picture shows, as fields of `Look`, and where: (8, 8), nothing negative."""
        with self._lock:
            seen = self._network.see(bgr)
        table = masses(seen.probabilities)
        rooms, dusk = self._head.judge(seen.feature)
        fields = {"rooms": table, "head": rooms, "dusk": dusk, "feature": _packed(seen.feature)}
        return fields, self._activation(seen, table)

    def _activation(self, seen: Seen, table: tuple[float, ...]) -> Map:
        """Where the picture shows its likeliest room: the class activation of its classes, as likely as they are.

        After B. Zhou et al., "Learning deep features for discriminative localization", 2016.
        """
        room = ROOMS[int(np.argmax(table))]
        shares = np.zeros(CLASSES, np.float32)
        for index, weight in TABLE[room].items():
            shares[index] = weight * seen.probabilities[index]
        shares /= max(float(shares.sum()), 1e-9)
        return np.asarray(np.maximum(np.einsum("k,kij->ij", shares @ self._towards, seen.activation), 0.0))


def look_at(preview: Path, eyes: Eyes | None = None) -> "Look":
    """Look at one preview (an upright sRGB JPEG as `read_photo.prepare_photo` writes it).

    Args:
        preview: the file.
        eyes: the network; without it, the look lacks what only the network tells.

    Raises:
        BadPhoto: the file cannot be decoded.
    """
    from property_video.core.photo import Look

    return Look(**look_fields(preview, eyes))


def look_fields(preview: Path, eyes: Eyes | None) -> dict[str, Any]:
    """`look_at` for processes that do not load the records' library (0.3 s CPU): the fields of the `Look`."""
    import cv2

    pixels = np.fromfile(preview, dtype=np.uint8)
    bgr = cv2.imdecode(pixels, cv2.IMREAD_COLOR) if pixels.size else None
    if bgr is None:
        raise BadPhoto(f"The preview {preview.name} cannot be decoded.", "Run again to make it anew.")
    grey: Any = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    small = _at_most(bgr, EXPOSURE_SIDE)
    small_grey: Any = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    p50, p95 = _levels(small_grey, (0.50, 0.95))
    roll, keystone = tilt(small_grey)
    seen, activation = eyes.see(small) if eyes else ({}, np.zeros((1, 1), np.float32))
    where = saliency(small, activation)
    focus_x, focus_y = _focus(where)
    return {
        "sharpness": round(sharpness(grey), 4),
        "p50": p50,
        "p95": p95,
        "blown": round(cv2.countNonZero(cv2.inRange(small, _BLOWN, _WHITE)) / small_grey.size, 4),
        "dhash": dhash(grey),
        "roll": round(roll, 2),
        "keystone": round(keystone, 2),
        "focus_x": round(focus_x, 3),
        "focus_y": round(focus_y, 3),
        "saliency": _bytes_of(where).hex(),
        "pool": round(pool_water(small), 4),
        **seen,
    }


def _levels(grey: Any, shares: tuple[float, ...]) -> tuple[float, ...]:
    """Grey levels below which these shares of the pixels are."""
    import cv2

    below = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()) / grey.size
    return tuple(float(np.searchsorted(below, share)) for share in shares)


def tilt(grey: Any) -> tuple[float, float]:
    """How much a picture must be turned: roll and keystone in degrees, both 0 when that cannot be told.

    Lines near the vertical lean by `roll + keystone * x`, x from -0.5 at the left edge to 0.5 at the right one; both
    are fitted robustly (Cauchy weights of 1 degree), longer lines weigh more. A roll of 1 to 5 degrees is recovered to
    0.1; it can be told of nine in ten photos of houses.

    Args:
        grey: (height, width), 8 bits.
    """
    import cv2

    height, width = grey.shape
    lines = cv2.createLineSegmentDetector().detect(grey)[0]
    if lines is None:
        return 0.0, 0.0
    x1, y1, x2, y2 = lines.reshape(-1, 4).T
    down = y2 > y1
    # The upper end minus the lower one: a line that leans to the right stands clockwise.
    run, rise = np.where(down, x1 - x2, x2 - x1), np.abs(y2 - y1)
    lean, length = np.degrees(np.arctan2(run, np.maximum(rise, 1e-6))), np.hypot(run, rise)
    upright = (np.abs(lean) <= _VERTICAL) & (length >= _LEAST_LENGTH * height)
    if upright.sum() < _LEAST_LINES:
        return 0.0, 0.0
    lean, length = lean[upright], length[upright]
    place = np.c_[np.ones(lean.size), (x1 + x2)[upright] / 2 / width - 0.5]
    trust = np.ones(lean.size)
    fit = np.zeros(2)
    for _ in range(8):
        weights = np.sqrt(length * trust)[:, None]
        fit = np.linalg.lstsq(place * weights, lean * weights[:, 0], rcond=None)[0]
        trust = 1.0 / (1.0 + (lean - place @ fit) ** 2)
    roll, keystone = float(fit[0]), float(fit[1])
    return (roll, keystone) if abs(keystone) < _MOST_KEYSTONE else (0.0, 0.0)


def saliency(bgr: Any, activation: Map) -> Map:
    """What a photo is of: (16, 16), at most 1; a mix of four maps, each made to sum to 1 first.

    Args:
        bgr: the picture.
        activation: where the network sees the room, of any size; all zero where there is none.
    """
    import cv2

    small = _at_most(bgr, _EDGE_SIDE)
    maps = (activation, _edges(small), _spectral_residual(small), _centre())
    whole = np.zeros((_MAP_SIDE, _MAP_SIDE), np.float32)
    for weight, each in zip(_SALIENCY_WEIGHTS, maps, strict=True):
        shrinks = each.shape[0] > _MAP_SIDE
        sized = cv2.resize(each, (_MAP_SIDE, _MAP_SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        sized = np.maximum(sized, 0.0)
        whole += weight * sized / max(float(sized.sum()), 1e-9)
    cells = cv2.resize(whole, (_SALIENCY_SIDE, _SALIENCY_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cells / max(float(cells.max()), 1e-9), np.float32)


def _edges(bgr: Any) -> Map:
    """Strength of edges in Lab, clipped so that a single lamp is not everything."""
    import cv2

    lab = cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB)
    along_x, along_y = (cv2.Sobel(lab, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    strength = cv2.magnitude(along_x, along_y).sum(axis=2)
    return np.asarray(np.minimum(strength, np.percentile(strength, 97)), np.float32)


def _spectral_residual(bgr: Any) -> Map:
    """X. Hou and L. Zhang, "Saliency detection: a spectral residual approach", 2007."""
    import cv2

    grey = cv2.resize(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), (_MAP_SIDE, _MAP_SIDE), interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(grey.astype(np.float64))
    amplitude = np.log(np.abs(spectrum) + 1e-9)
    residual = amplitude - cv2.blur(amplitude, (3, 3))
    back = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    return np.asarray(cv2.GaussianBlur(back, (0, 0), 2.5), np.float32)


def _centre() -> Map:
    """Photographers centre, a little below the middle."""
    places = (np.arange(_MAP_SIDE) + 0.5) / _MAP_SIDE - 0.5
    across, down = np.exp(-((places / 0.22) ** 2) / 2), np.exp(-(((places - 0.06) / 0.24) ** 2) / 2)
    return np.asarray(np.outer(down, across), np.float32)


def _focus(where: Map) -> tuple[float, float]:
    """Centre of the cells that catch the eye, as fractions of width and height. Weak cells pull to the middle only."""
    strong = np.maximum(where - 0.5, 0.0)
    places = (np.arange(_SALIENCY_SIDE) + 0.5) / _SALIENCY_SIDE
    total = max(float(strong.sum()), 1e-9)
    return float(strong.sum(axis=0) @ places) / total, float(strong.sum(axis=1) @ places) / total


def pool_water(bgr: Any) -> float:
    """Share of the picture that is one body of pool-coloured water, wider than tall, in its lower part; 0..1."""
    import cv2

    hsv = cv2.cvtColor(cv2.resize(bgr, _POOL_SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2HSV)
    water = np.zeros(hsv.shape[:2], np.uint8)
    for low, high in _POOL_COLOURS:
        water |= np.asarray(cv2.inRange(hsv, low, high), np.uint8)
    water = np.asarray(cv2.morphologyEx(water, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    count, _, bodies, _ = cv2.connectedComponentsWithStats(water)
    height = _POOL_SIZE[1]
    sizes = [
        int(area)
        for _, top, wide, tall, area in bodies[1:count]
        if top > 0.30 * height and top + tall > 0.55 * height and wide > tall and area > 0.25 * wide * tall
    ]
    return max(sizes, default=0) / water.size


def _packed(feature: Map) -> str:
    """A feature's direction in bytes: 1 - cosine keeps to 0.001."""
    return base64.b64encode(_bytes_of(feature / max(float(feature.max()), 1e-9))).decode()


def _bytes_of(values: Map) -> bytes:
    return np.round(np.clip(values, 0.0, 1.0) * 255).astype(np.uint8).tobytes()


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
