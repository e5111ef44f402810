"""Resampling: one view of a canvas drawn straight into a video frame's planes.

Not here: where the camera is (core/camera.py), what it looks at (media/canvas.py), which photo a frame shows
(media/frames.py).
"""

import math
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import numpy as np

from property_video.core.camera import View
from property_video.core.film import FilmFormat
from property_video.media.canvas import Canvas, Plane

if TYPE_CHECKING:
    import av
    from av.video.plane import VideoPlane

_TRIES: Final = 48
"""Columns or rows that a resize may draw in vain before the wanted ones; canvas.MARGIN has room for as many."""

_FINE: Final = 0.01
"""Samples of a plane by which a frame may be off: the first resize within it is taken."""

_COARSE: Final = 0.02
"""What the best of `_TRIES` may be off. The RMS of all frames is 0.007 pixels; the encoder's own is 0.01 to 0.02, and
what an eye can see starts at 0.05."""

_CHROMA: Final = 2.0
"""Times as much for chroma."""

_SLACK: Final = 64
"""Rows and columns by which a resize may be larger than the frame."""


class Planes(NamedTuple):
    """Writable planes of one 4:2:0 frame: `y` is (height, width), `u` and `v` half of that."""

    y: Plane
    u: Plane
    v: Plane


def planes_of(picture: "av.VideoFrame") -> Planes:
    """Views on the memory of a 4:2:0 video frame; writing to them paints the frame."""

    def view(plane: "VideoPlane") -> Plane:
        rows = np.frombuffer(cast("Any", plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: plane.height, : plane.width]

    return Planes(*map(view, picture.planes))


def blank(film: FilmFormat) -> Planes:
    """Planes of the film's size, not yet painted."""
    half = (film.height // 2, film.width // 2)
    return Planes(np.empty((film.height, film.width), np.uint8), np.empty(half, np.uint8), np.empty(half, np.uint8))


def draw(canvas: Canvas, view: View, film: FilmFormat, into: Planes) -> None:
    """Draw one view of a canvas."""
    step_x, step_y, left, top = canvas.window(view, film)
    _resample([canvas.y], (left, step_x), (top, step_y), [into.y], 1.0)
    step_x, step_y, left, top = canvas.chroma_window(view, film)
    _resample([canvas.u, canvas.v], (left, step_x), (top, step_y), [into.u, into.v], _CHROMA)


_Axis = tuple[float, float]
"""Where the first sample lies on the source, and the step from each to the next."""


def _resample(sources: Sequence[Plane], along: _Axis, down: _Axis, into: Sequence[Plane], leeway: float) -> None:
    """Sample planes of one size bilinearly at (x + j step_x, y + i step_y) for column j and row i of `into`.

    `cv2.resize` costs half of `cv2.warpAffine` but chooses its own phase: column k of a resize that starts at source
    column n lies at n + (k + 0.5) step - 0.5. Where some k and n come close enough the frame is cut out of such a
    resize; the kernel is the same, so nothing changes to the eye between the two ways.

    Args:
        sources: What is sampled.
        along: x and step_x.
        down: y and step_y.
        into: What is written.
        leeway: By how much more than `_FINE` and `_COARSE` it may be off.
    """
    height, width = into[0].shape
    column = _phase(*along, width, sources[0].shape[1], leeway)
    row = _phase(*down, height, sources[0].shape[0], leeway)
    for source, target in zip(sources, into, strict=True):
        if column is None or row is None:
            _warped(source, along, down, target)
        else:
            _resized(source, (along[1], column), (down[1], row), target)


def _warped(source: Plane, along: _Axis, down: _Axis, into: Plane) -> None:
    import cv2

    matrix = np.array([[along[1], 0.0, along[0]], [0.0, down[1], down[0]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cv2.warpAffine(source, matrix, into.shape[::-1], dst=into, flags=flags, borderMode=cv2.BORDER_REPLICATE)


class _Phase(NamedTuple):
    """A resize of source[start:stop] whose results from `skip` on are the wanted ones."""

    start: int
    stop: int
    skip: int


def _resized(source: Plane, along: tuple[float, _Phase], down: tuple[float, _Phase], into: Plane) -> None:
    import cv2

    (step_x, column), (step_y, row) = along, down
    part = source[row.start : row.stop, column.start : column.stop]
    room = _desk.room(round(part.shape[0] / step_y), round(part.shape[1] / step_x))
    # A room of another size than it wants would not harm: it then makes its own.
    resized = cv2.resize(part, None, dst=room, fx=1.0 / step_x, fy=1.0 / step_y, interpolation=cv2.INTER_LINEAR)
    height, width = into.shape
    np.copyto(into, resized[row.skip : row.skip + height, column.skip : column.skip + width])


def _phase(first: float, step: float, count: int, available: int, leeway: float) -> _Phase | None:
    """The cheapest resize along one axis that hits the wanted positions well enough, if there is one."""
    best, least = None, leeway * _COARSE
    for skip in range(_TRIES):
        begin = first - (skip + 0.5) * step + 0.5
        start = round(begin)
        if start < 0:
            break
        error = abs(begin - start) / step
        if error <= least:
            # The last sample's place and the one after it, which does not count where it is the place itself.
            stop = start + math.ceil((skip + count - 0.5) * step + 0.5 - leeway * _FINE * step)
            if stop > available:
                continue
            best, least = _Phase(start, stop, skip), error
            if error <= leeway * _FINE:
                break
    return best


class _Desk(threading.local):
    """Memory of each thread that resizes work in: fresh pages for every frame cost 6 % of drawing."""

    plane: Plane = np.empty((0, 0), np.uint8)

    def room(self, height: int, width: int) -> Plane:
        if self.plane.shape[0] < height or self.plane.shape[1] < width:
            self.plane = np.empty((height + _SLACK, width + _SLACK), np.uint8)
        return self.plane[:height, :width]


_desk: Final = _Desk()
