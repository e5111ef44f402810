"""Canvases: a photo as planes of video samples, larger than the film, ready to be looked at through a moving window.

A canvas covers only what a shot shows of the photo. It is made once per photo and shot; everything slow or delicate
happens here (decoding, colour, band-limiting, sharpening), so that a frame costs one bilinear resample.

Not here: where the window is (core/camera.py) and resampling it (media/resample.py).
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from property_video.core.camera import Pose, View, cover_share, upright_size
from property_video.core.errors import BadPhoto
from property_video.core.film import FilmFormat
from property_video.media.develop import develop
from property_video.media.enlarge import doubled

if TYPE_CHECKING:
    from PIL import Image

Plane = NDArray[np.uint8]

MARGIN: Final = 48
"""Film pixels kept around what a shot shows: room for the phase search of media/resample.py."""

CHROMA_PREFILTER: Final = 0.1
"""`a` of the kernel [-a, 1 + 2a, -a] that undoes the droop of halving chroma and sampling it bilinearly: the frames
have 0.94 of the ideal ones' detail, without it 0.64."""

STRAIGHT: Final = Pose()

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

    `y` is (height, width) in limited range 16..235; `u` and `v` cover the same with fewer samples. A photo position
    (fractions `px`, `py`) lies at the `y` pixel coordinates
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

    def chroma_window(self, view: View, film: FilmFormat) -> tuple[float, float, float, float]:
        """The same for chroma samples of one frame on `u` and `v`.

        In H.264 4:2:0 they lie on the left of two luma columns and between two luma rows.
        """
        step_x, step_y, x, y = self.window(view, film)
        share_x, share_y = self.u.shape[1] / self.y.shape[1], self.u.shape[0] / self.y.shape[0]
        left, top = (x + 0.5) * share_x - 0.5, (y + 0.5 * step_y + 0.5) * share_y - 0.5
        return 2 * step_x * share_x, 2 * step_y * share_y, left, top


def make_canvas(photo: Path, views: Sequence[View], film: FilmFormat, pose: Pose = STRAIGHT) -> Canvas:
    """The canvas of one photo for the views of one shot.

    Args:
        photo: An upright sRGB JPEG; EXIF orientation and colour profiles are not looked at.
        views: The shot's views of this photo, from `film_shot` with the photo's pixel size.
        film: The film's format.
        pose: How it leans, and whether it is a dusk photo.

    Raises:
        BadPhoto: the file cannot be decoded.
    """
    import cv2

    picture = open_picture(photo, pose)
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
    yuv = np.asarray(cv2.transform(np.asarray(picture), RGB_TO_YUV), np.uint8)
    picture.close()

    scale_x, scale_y = (2 * samples / side for samples, side in zip(yuv.shape[1::-1], part, strict=True))
    enough = photo_per_film >= 1.0
    canvas = Canvas(
        y=doubled(np.asarray(cv2.extractChannel(yuv, 0), np.uint8)),
        u=_chroma(yuv, 1, enough),
        v=_chroma(yuv, 2, enough),
        scale_x=scale_x * width,
        scale_y=scale_y * height,
        left=left * scale_x,
        top=top * scale_y,
        share=share,
    )
    level = max(view.y for view in views) - min(view.y for view in views) < 1e-9
    steady = finest - min(view.zoom for view in views) < 1e-9
    return _in_film_rows(canvas, views[0], film) if level and steady else canvas


def _chroma(yuv: Plane, channel: int, enough: bool) -> Plane:
    """A chroma plane; halved where the photo has enough samples for a film of 4:2:0.

    Halved, frames have 57.3 dB against chroma that is resampled ideally, the encoder leaves 48; drawing them costs
    a fifth less.
    """
    import cv2

    plane = cv2.extractChannel(yuv, channel)
    if enough:
        size = (-(-plane.shape[1] // 2), -(-plane.shape[0] // 2))
        plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        kernel = np.array([-CHROMA_PREFILTER, 1 + 2 * CHROMA_PREFILTER, -CHROMA_PREFILTER])
        plane = cv2.sepFilter2D(plane, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(plane, np.uint8)


def _in_film_rows(canvas: Canvas, view: View, film: FilmFormat) -> Canvas:
    """The canvas with the film's rows, for a camera that only trucks: its rows are resampled once, not every frame.

    That halves the canvas, and a frame costs two thirds.
    """
    _, step, _, top = canvas.window(view, film)
    _, chroma_step, _, chroma_top = canvas.chroma_window(view, film)
    scale_y = film.height * view.zoom / canvas.share[1]
    return replace(
        canvas,
        y=_rows(canvas.y, top, step, film.height),
        u=_rows(canvas.u, chroma_top, chroma_step, film.height // 2),
        v=_rows(canvas.v, chroma_top, chroma_step, film.height // 2),
        scale_y=scale_y,
        top=view.y * scale_y - film.height / 2,
    )


def _rows(plane: Plane, first: float, step: float, count: int) -> Plane:
    import cv2

    matrix = np.array([[1.0, 0.0, 0.0], [0.0, step, first]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (plane.shape[1], count)
    return np.asarray(cv2.warpAffine(plane, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def open_picture(photo: Path, pose: Pose = STRAIGHT) -> "Image.Image":
    """The photo as RGB, developed and upright.

    Raises:
        BadPhoto: the file cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(photo) as image:
            image.load()  # converting a picture that is RGB already would copy it, for 15 ms
            picture = image if image.mode == "RGB" else image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPhoto(f"{photo} cannot be decoded: {error}.", "Export it again as JPEG.") from error
    return straighten(develop(picture, pose.dusk), pose.roll)


def straighten(picture: "Image.Image", roll: float) -> "Image.Image":
    """The picture turned counter-clockwise by `roll` degrees, cut to the largest upright rectangle without a corner."""
    if roll == 0.0:
        return picture
    import cv2
    from PIL import Image

    size = upright_size(picture.size, roll)
    turn = math.radians(roll)
    sine, cosine = math.sin(turn), math.cos(turn)
    half_x, half_y = (size[0] - 1) / 2, (size[1] - 1) / 2
    matrix = np.array(
        [
            [cosine, -sine, (picture.width - 1) / 2 - cosine * half_x + sine * half_y],
            [sine, cosine, (picture.height - 1) / 2 - sine * half_x - cosine * half_y],
        ]
    )
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    turned = cv2.warpAffine(np.asarray(picture), matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Image.fromarray(np.asarray(turned, np.uint8))


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
