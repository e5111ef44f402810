"""Frames: what the camera sees at every moment of a shot, drawn straight into a video frame's planes.

Not here: where the camera is (core/camera.py), what it looks at (media/canvas.py), encoding (media/encode.py).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from property_video.core.camera import Shot, View, frame_views
from property_video.core.film import FilmFormat
from property_video.media.canvas import Canvas, Plane, make_canvas, photo_size

if TYPE_CHECKING:
    import av
    from av.video.plane import VideoPlane

_TRIES = 48
_LUMA_TOLERANCE = 0.01
_CHROMA_TOLERANCE = 0.02


class Planes(NamedTuple):
    """Writable planes of one 4:2:0 frame: `y` is (height, width), `u` and `v` half of that."""

    y: Plane
    u: Plane
    v: Plane


class Painter:
    """Draws the frames of one shot in order: the first photo, a dissolve, the last photo.

    Both photos run the whole path of the move, so that the camera does not notice the dissolve. A photo's canvas
    exists only while it is shown.
    """

    def __init__(self, first: Path, last: Path | None, shot: Shot) -> None:
        """Read the photos' sizes.

        Raises:
            BadPhoto: a file is no picture.
        """
        self._shot = shot
        self._photos = [first] if last is None else [first, last]
        self._views = [shot_views(photo, shot) for photo in self._photos]
        self._canvases: dict[int, Canvas] = {}

    def paint(self, frame: int, into: Planes) -> None:
        """Draw frame number `frame` (0-based).

        Raises:
            BadPhoto: a photo cannot be decoded.
        """
        weight = 0.0 if len(self._photos) == 1 else dissolve_weight(frame, self._shot)
        if weight < 1.0:
            draw(self._canvas(0), self._views[0][frame], self._shot.film, into)
        else:
            self._canvases.pop(0, None)
        if weight == 1.0:
            draw(self._canvas(1), self._views[1][frame], self._shot.film, into)
        elif weight > 0.0:
            self._blend(self._views[1][frame], weight, into)

    def _blend(self, view: View, weight: float, into: Planes) -> None:
        import cv2

        film = self._shot.film
        other = blank(film)
        draw(self._canvas(1), view, film, other)
        for plane, added in zip(into, other, strict=True):
            cv2.addWeighted(plane, 1.0 - weight, added, weight, 0.0, dst=plane)

    def _canvas(self, which: int) -> Canvas:
        if which not in self._canvases:
            self._canvases[which] = make_canvas(self._photos[which], self._views[which], self._shot.film)
        return self._canvases[which]


def shot_views(photo: Path, shot: Shot) -> list[View]:
    """The views of one photo of a shot.

    Raises:
        BadPhoto: the file is no picture.
    """
    return frame_views(shot.move, shot.frames, photo_size(photo), shot.film, shot.seed, shot.anchor_y)


def dissolve_weight(frame: int, shot: Shot) -> float:
    """Share of the last photo in a frame: 0 before the dissolve, 1 after it, a smoothstep in the middle of the shot.

    The first frame of a shot shows the first photo alone and the last frame the last photo alone.
    """
    length = min(shot.dissolve_frames, shot.frames - 2)
    begin = (shot.frames - length) // 2
    t = min(max((frame - begin + 1) / (length + 1), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


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
    """Draw one view of a canvas.

    Chroma of H.264 4:2:0 lies on the left of two luma columns and between two luma rows; the canvas has it in the
    middle of four, hence the shifts.
    """
    step_x, step_y, x, y = canvas.window(view, film)
    _resample(canvas.y, step_x, step_y, x, y, into.y, _LUMA_TOLERANCE)
    chroma_x, chroma_y = (x - 0.5) / 2, (y + 0.5 * step_y - 0.5) / 2
    _resample(canvas.u, step_x, step_y, chroma_x, chroma_y, into.u, _CHROMA_TOLERANCE)
    _resample(canvas.v, step_x, step_y, chroma_x, chroma_y, into.v, _CHROMA_TOLERANCE)


def _resample(source: Plane, step_x: float, step_y: float, x: float, y: float, into: Plane, tolerance: float) -> None:
    """Sample `source` bilinearly at (x + j step_x, y + i step_y) for column j and row i of `into`.

    `cv2.resize` costs half of `cv2.warpAffine` but chooses its own phase: column k of a resize that starts at source
    column n lies at n + (k + 0.5) step - 0.5. Where some k and n come within `tolerance` destination pixels the frame
    is cut out of such a resize; the kernel is the same, so nothing changes to the eye between the two ways.
    """
    import cv2

    height, width = into.shape
    column = _phase(x, step_x, width, source.shape[1], tolerance)
    row = _phase(y, step_y, height, source.shape[0], tolerance)
    if column is None or row is None:
        matrix = np.array([[step_x, 0.0, x], [0.0, step_y, y]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(source, matrix, (width, height), dst=into, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return
    part = source[row.start : row.stop, column.start : column.stop]
    resized = cv2.resize(part, None, fx=1.0 / step_x, fy=1.0 / step_y, interpolation=cv2.INTER_LINEAR)
    np.copyto(into, resized[row.skip : row.skip + height, column.skip : column.skip + width])


class _Phase(NamedTuple):
    """A resize of source[start:stop] whose results from `skip` on are the wanted ones."""

    start: int
    stop: int
    skip: int


def _phase(first: float, step: float, count: int, available: int, tolerance: float) -> _Phase | None:
    """The cheapest resize along one axis that hits the wanted positions within `tolerance` steps, if there is one."""
    for skip in range(_TRIES):
        begin = first - (skip + 0.5) * step + 0.5
        start = round(begin)
        if start < 0:
            return None
        if abs(begin - start) <= tolerance * step:
            stop = start + int(np.ceil((skip + count + 1) * step))
            return _Phase(start, stop, skip) if stop <= available else None
    return None
