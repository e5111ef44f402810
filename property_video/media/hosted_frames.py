"""The two pictures that a hosted model gets of a scene: the first and the last frame of the embedded camera's shot.

A model that follows the shape of its first picture distorts or fails when both differ, so both come in one size. They
are painted, not copied: no EXIF, no colour profile, and what the model must begin and end on is what the embedded clip
would.

Not here: where the camera is (core/camera.py) and handing the files to a service (providers).
"""

from pathlib import Path
from typing import Final

from property_video.core.camera import Shot
from property_video.core.film import FilmFormat
from property_video.files import written_whole
from property_video.media.canvas import one_thread
from property_video.media.frames import Painter
from property_video.media.resample import planes_of

QUALITY: Final = 92
"""JPEG quality: 0.3 to 0.9 MB for 1920x1080, far below the 10 MB that models take."""


def save_end_frames(
    first: Path, last: Path | None, shot: Shot, size: tuple[int, int], first_out: Path, last_out: Path
) -> None:
    """Write what a shot begins and ends on as two JPEGs of one size.

    A scene with one photo ends on the end framing of that photo.

    Args:
        first: The first photo's working copy.
        last: The last photo's, or None.
        shot: The scene's shot; its film format gives way to `size`.
        size: Width and height in pixels.
        first_out: Appears only when it is whole, like `last_out`.
        last_out: Likewise.

    Raises:
        BadPhoto: a photo cannot be decoded.
        StoreFull: the disk has no room.
        StoreError: the folder cannot be written.
    """
    sized = shot.model_copy(update={"film": FilmFormat(width=size[0], height=size[1], fps=shot.film.fps)})
    painter = Painter(first, last, sized)
    with one_thread():
        _save(painter, 0, size, first_out)
        _save(painter, shot.frames - 1, size, last_out)


def _save(painter: Painter, frame: int, size: tuple[int, int], out: Path) -> None:
    import av
    from PIL import Image

    from property_video.media.pictures import rgb

    picture = av.VideoFrame(size[0], size[1], "yuv420p")
    painter.paint(frame, planes_of(picture))
    with written_whole(out) as partial:
        Image.fromarray(rgb(picture)).save(partial, "JPEG", quality=QUALITY)
