"""The embedded renderer: a camera move over one or two photos becomes a clip.

Not here: the parts it puts together (camera, canvas, frames, encode), and verifying the clip (probe, measure_clip).
"""

from collections.abc import Callable
from pathlib import Path

from property_video.core.camera import Shot
from property_video.files import written_whole
from property_video.media.encode import encode
from property_video.media.frames import Painter


def render_clip(
    first: Path,
    last: Path | None,
    shot: Shot,
    out: Path,
    on_frame: Callable[[int, int], None] | None = None,
) -> None:
    """Render one scene: from the first photo to the last with a short dissolve in the middle, in one camera move.

    The clip begins on the first photo's framing and ends on the last photo's. `out` appears only when it is complete;
    an interrupt ends the rendering within a frame or two and leaves nothing behind.

    Args:
        first: An upright sRGB JPEG.
        last: Another one, or None for one continuous move over the first.
        shot: The move, its length and the film's format.
        out: The MP4 to write: H.264 High with the film's parameters, silent.
        on_frame: Called with (frames done, frames in all).

    Raises:
        BadPhoto: a photo cannot be decoded.
        StoreFull: the disk has no room.
        StoreError: the folder cannot be written.
    """
    painter = Painter(first, last, shot)
    with written_whole(out) as partial:
        encode(painter.paint, shot.frames, shot.film, partial, on_frame)
