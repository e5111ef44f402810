"""Frames: which photos each frame of a shot shows, and how they are mixed.

Not here: where the camera is (core/camera.py), what it looks at (media/canvas.py), drawing it (media/resample.py),
encoding (media/encode.py).
"""

from pathlib import Path

from property_video.core.camera import Shot, Showing, dissolve_span, film_shot, poses
from property_video.media.canvas import Canvas, make_canvas, photo_size
from property_video.media.resample import Planes, blank, draw


class Painter:
    """Draws the frames of one shot in order: the first photo, both for a moment, the last photo.

    One camera path runs through both photos, so that the camera does not notice the change. A photo's canvas exists
    only while it is shown.
    """

    def __init__(self, first: Path, last: Path | None, shot: Shot) -> None:
        """Read the photos' sizes.

        Raises:
            BadPhoto: a file is no picture.
        """
        self._shot = shot
        self._photos = [first] if last is None else [first, last]
        self._showings = showings(first, last, shot)
        self._canvases: dict[int, Canvas] = {}

    def paint(self, frame: int, into: Planes) -> None:
        """Draw frame number `frame` (0-based).

        Raises:
            BadPhoto: a photo cannot be decoded.
        """
        weight = 0.0 if len(self._photos) == 1 else dissolve_weight(frame, self._shot)
        if weight == 1.0:
            self._canvases.pop(0, None)
            self._draw(1, frame, into)
            return
        self._draw(0, frame, into)
        if weight > 0.0:
            self._blend(frame, weight, into)

    def _blend(self, frame: int, weight: float, into: Planes) -> None:
        import cv2

        other = blank(self._shot.film)
        self._draw(1, frame, other)
        for plane, added in zip(into, other, strict=True):
            cv2.addWeighted(plane, 1.0 - weight, added, weight, 0.0, dst=plane)

    def _draw(self, which: int, frame: int, into: Planes) -> None:
        showing, film = self._showings[which], self._shot.film
        if which not in self._canvases:
            pose = poses(self._shot)[which]
            self._canvases[which] = make_canvas(self._photos[which], showing.views, film, pose)
        draw(self._canvases[which], showing.view(frame), film, into)


def showings(first: Path, last: Path | None, shot: Shot) -> tuple[Showing, ...]:
    """Where the camera looks in each photo of a shot.

    Raises:
        BadPhoto: a file is no picture.
    """
    return film_shot(shot, [photo_size(photo) for photo in (first, last) if photo is not None])


def dissolve_weight(frame: int, shot: Shot) -> float:
    """Share of the last photo in a frame: 0 before the dissolve, 1 after it, a smoothstep in the middle of the shot.

    The first frame of a shot shows the first photo alone and the last frame the last photo alone.
    """
    begin, end = dissolve_span(shot)
    t = min(max((frame - begin + 1) / (end - begin + 1), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)
