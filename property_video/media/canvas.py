"""Canvases: a photo as planes of video samples, larger than the film, ready to be looked at through a moving window.

A canvas covers only what a shot shows of the photo. It is made once per photo and shot; everything slow or delicate
happens here (decoding, colour, band-limiting, sharpening), so that a frame costs one bilinear resample.

Not here: where the window is (core/camera.py) and resampling it (media/frames.py).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from property_video.core.camera import View, cover_share, staging
from property_video.core.errors import BadPhoto
from property_video.core.film import FilmFormat

if TYPE_CHECKING:
    from PIL import Image

Plane = NDArray[np.uint8]

OVERSAMPLING: Final = 2.0
"""Canvas pixels per film pixel at zoom 1: bilinear sampling of a 2x canvas reaches 52.7 dB against ideal Lanczos
frames, of a 1x canvas 43 dB (visibly soft)."""

PREFILTER: Final = 0.08
"""`a` of the separable kernel [-a, 1 + 2a, -a] that undoes the droop of bilinear sampling at 2x; from 0.12 on it
over-sharpens."""

MARGIN: Final = 48
"""Film pixels kept around what a shot shows: room for the phase search of media/frames.py."""

RGB_TO_YUV: Final = np.array(
    [
        [0.2126 * 219 / 255, 0.7152 * 219 / 255, 0.0722 * 219 / 255, 16],
        [-0.2126 / 1.8556 * 224 / 255, -0.7152 / 1.8556 * 224 / 255, 0.5 * 224 / 255, 128],
        [0.5 * 224 / 255, -0.7152 / 1.5748 * 224 / 255, -0.0722 / 1.5748 * 224 / 255, 128],
    ]
)
"""ITU-R BT.709 in limited range, for R, G, B, 1 in 0..255. Ours, because the libraries' defaults are BT.601 (mean
error 2.9 instead of 0.6 levels in red and wood)."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """Planes of one photo, or of the part that a shot shows.

    `y` is (height, width) in limited range 16..235; `u` and `v` are half as large, their samples in the middle of four
    of `y`. A photo position (fractions `px`, `py`) lies at the `y` pixel coordinates
    `px * scale_x - left - 0.5`, `py * scale_y - top - 0.5` (integers are pixel centres).
    `share` is the cover crop's width and height in fractions of the photo.
    """

    y: Plane
    u: Plane
    v: Plane
    scale_x: float
    scale_y: float
    left: float
    top: float
    share: tuple[float, float]

    def window(self, view: View, film: FilmFormat) -> tuple[float, float, float, float]:
        """How film pixels of one frame lie on `y`: (step_x, step_y, x of the first column, y of the first row)."""
        step_x = self.share[0] / view.zoom * self.scale_x / film.width
        step_y = self.share[1] / view.zoom * self.scale_y / film.height
        x = view.x * self.scale_x - self.left - 0.5 - step_x * (film.width - 1) / 2
        y = view.y * self.scale_y - self.top - 0.5 - step_y * (film.height - 1) / 2
        return step_x, step_y, x, y


def make_canvas(photo: Path, views: Sequence[View], film: FilmFormat) -> Canvas:
    """The canvas of one photo for the views of one shot.

    Args:
        photo: An upright sRGB JPEG; EXIF orientation and colour profiles are not looked at.
        views: The shot's views of this photo, from `frame_views` with the photo's pixel size.
        film: The film's format.

    Raises:
        BadPhoto: the file cannot be decoded.
    """
    import cv2

    picture = open_picture(photo, film)
    width, height = picture.size
    share = cover_share(picture.size, film)
    photo_per_film = share[0] * width / film.width
    left, top, right, bottom = _shown(views, share, (width, height), MARGIN * photo_per_film)
    part = (right - left, bottom - top)

    finest = max(view.zoom for view in views)
    if photo_per_film > finest:
        # Straight to the canvas a large photo would alias: 32.9 dB and sparkle, against 45.5 dB band-limited first.
        from PIL import Image

        reduced = tuple(max(1, round(side / photo_per_film * finest)) for side in part)
        picture = picture.resize(
            (reduced[0], reduced[1]), Image.Resampling.LANCZOS, box=(left, top, right, bottom), reducing_gap=3.0
        )
    else:
        picture = picture.crop((left, top, right, bottom))
    yuv = cv2.transform(np.asarray(picture), RGB_TO_YUV)
    picture.close()

    chroma_size = tuple(max(1, round(side / photo_per_film * OVERSAMPLING / 2)) for side in part)
    size = (2 * chroma_size[0], 2 * chroma_size[1])
    y = cv2.resize(cv2.extractChannel(yuv, 0), size, interpolation=cv2.INTER_LANCZOS4)
    kernel = np.array([-PREFILTER, 1 + 2 * PREFILTER, -PREFILTER])
    y = cv2.sepFilter2D(y, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    chroma_filter = cv2.INTER_AREA if chroma_size[0] < yuv.shape[1] else cv2.INTER_CUBIC
    u, v = (cv2.resize(cv2.extractChannel(yuv, i), chroma_size, interpolation=chroma_filter) for i in (1, 2))
    scale_x, scale_y = size[0] / part[0], size[1] / part[1]
    return Canvas(
        y=np.asarray(y, np.uint8),
        u=np.asarray(u, np.uint8),
        v=np.asarray(v, np.uint8),
        scale_x=scale_x * width,
        scale_y=scale_y * height,
        left=left * scale_x,
        top=top * scale_y,
        share=share,
    )


def open_picture(photo: Path, film: FilmFormat) -> "Image.Image":
    """The photo decoded as RGB; a narrow portrait comes composed into the film's shape.

    Raises:
        BadPhoto: the file cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(photo) as image:
            picture = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPhoto(f"{photo} cannot be decoded: {error}.", "Export it again as JPEG.") from error
    return compose_portrait(picture, film) if staging(picture.size, film) == "fill" else picture


def photo_size(photo: Path) -> tuple[int, int]:
    """Width and height in pixels, from the file's header alone.

    Raises:
        BadPhoto: the file is no picture.
    """
    from PIL import Image

    try:
        with Image.open(photo) as image:
            width, height = image.size
            return width, height
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPhoto(f"{photo} cannot be decoded: {error}.", "Export it again as JPEG.") from error


def compose_portrait(portrait: "Image.Image", film: FilmFormat) -> "Image.Image":
    """A portrait at full height before a dim, blurred copy of itself; RGB, as large as the film."""
    from PIL import Image, ImageFilter

    width = round(film.height * portrait.width / portrait.height)
    shape = film.height / film.width
    band = round(portrait.width * shape)
    middle = (0, (portrait.height - band) // 2, portrait.width, (portrait.height + band) // 2)
    # Blurring a 96 px copy equals blurring the whole with a radius of 60 px, at a thousandth of the cost.
    small = portrait.resize((96, round(96 * shape)), Image.Resampling.BOX, box=middle)
    small = small.filter(ImageFilter.GaussianBlur(3)).point([round(level * 0.62) for level in range(256)] * 3)
    composed = small.resize((film.width, film.height), Image.Resampling.BICUBIC)
    composed.paste(portrait.resize((width, film.height), Image.Resampling.LANCZOS), ((film.width - width) // 2, 0))
    return composed


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep OpenCV to the calling thread: x264 has the other cores, and more threads cost CPU without saving time."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _shown(
    views: Sequence[View], share: tuple[float, float], size: tuple[int, int], margin: float
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what the views show together, in photo pixels, with the margin, inside the photo."""

    def span(centres: list[float], share: float, side: int) -> tuple[int, int]:
        low = min(centre - share / view.zoom / 2 for centre, view in zip(centres, views, strict=True)) * side
        high = max(centre + share / view.zoom / 2 for centre, view in zip(centres, views, strict=True)) * side
        return max(0, int(low - margin)), min(side, int(np.ceil(high + margin)))

    left, right = span([view.x for view in views], share[0], size[0])
    top, bottom = span([view.y for view in views], share[1], size[1])
    return left, top, right, bottom
