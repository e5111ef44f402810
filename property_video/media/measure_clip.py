"""Measuring a clip: whether its pixels begin, end and move as its shot says.

Not here: the container's description (media/probe.py) and what passes (core/verdicts.py).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from property_video.core.camera import Pose, Shot, View, cover_share, poses
from property_video.core.errors import BadOutput
from property_video.core.film import FilmFormat
from property_video.core.probe import ClipMeasures
from property_video.media.canvas import RGB_TO_YUV, STRAIGHT, Plane, one_thread, open_picture
from property_video.media.frames import showings
from property_video.media.join import UNDECODED
from property_video.media.pictures import save_still
from property_video.media.resample import planes_of

if TYPE_CHECKING:
    import av

OPENING_PACKETS: Final = 5
"""Packets of the first GOP that are looked at: its first two reference frames, to see that the camera moves."""


NEIGHBOURS: Final = 4
"""Frames between two reference frames, at most: three B-frames and the next one."""


def measure_clip(path: Path, first: Path, last: Path | None, shot: Shot, stills: Path | None = None) -> ClipMeasures:
    """Measure a clip against its photos, and keep pictures of what was seen.

    Only the clip's opening, its key frames and the reference frames of its last GOP are decoded, about 18 frames
    whatever the length: 0.2 to 0.3 CPU seconds.

    Args:
        path: The clip.
        first: The shot's first photo, as it was rendered.
        last: Its last photo, or None when the first is the only one.
        shot: What was rendered.
        stills: A folder for `first.jpg`, `middle.jpg` (the key frame nearest to it) and `last.jpg`, or None.

    Raises:
        BadOutput: the clip cannot be decoded.
        BadPhoto: a photo cannot be decoded.
    """
    import cv2

    darkest, changes = 255.0, []
    opening = ending = before = middle = None
    sampled, before_number, middle_number = 0, 0, -1
    with one_thread():
        for number, frame in _sampled_frames(path):
            luma = planes_of(frame).y.copy()
            small = cv2.resize(luma, (480, 270), interpolation=cv2.INTER_AREA)
            darkest = min(darkest, cv2.mean(small)[0])
            if before is not None and number - before_number <= NEIGHBOURS:
                changes.append(cv2.norm(small, before, cv2.NORM_L1) / small.size)
            if opening is None:
                opening, first_frame = luma, frame
            if middle is None or abs(number - shot.frames // 2) < abs(middle_number - shot.frames // 2):
                middle, middle_number = frame, number
            ending, last_frame, before, before_number, sampled = luma, frame, small, number, sampled + 1
        if opening is None or ending is None:
            raise BadOutput(f"The clip {path} has no frames.", "Render this scene again.")
        if stills is not None and middle is not None:
            for name, frame in (("first", first_frame), ("middle", middle), ("last", last_frame)):
                save_still(frame, stills / f"{name}.jpg")
        seen, (first_pose, last_pose) = showings(first, last, shot), poses(shot)
        first_crop = reframed_luma(first, seen[0].view(0), shot.film, first_pose)
        last_crop = (
            reframed_luma(last, seen[1].view(shot.frames - 1), shot.film, last_pose)
            if last is not None
            else reframed_luma(first, seen[0].view(shot.frames - 1), shot.film, first_pose)
        )
        means, deviations = zip(*map(cv2.meanStdDev, (first_crop, last_crop)), strict=True)
        return ClipMeasures(
            ssim_first=ssim(opening, first_crop),
            ssim_last=ssim(ending, last_crop),
            darkest_luma=darkest,
            smallest_change=min(changes, default=0.0),
            largest_change=max(changes, default=0.0),
            sampled_frames=sampled,
            photo_luma=float(min(mean[0][0] for mean in means)),
            photo_detail=float(min(deviation[0][0] for deviation in deviations)),
        )


def _sampled_frames(path: Path) -> Iterator[tuple[int, "av.VideoFrame"]]:
    """Number and picture of the frames that `measure_clip` looks at, in showing order.

    Raises:
        BadOutput: the clip cannot be decoded.
    """
    import av

    try:
        with av.open(str(path), options=UNDECODED) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            context.thread_count = 1
            context.skip_frame = "BIDIR"
            rate, time_base = stream.average_rate, stream.time_base
            assert rate is not None and time_base is not None
            packets = [packet for packet in container.demux(stream) if packet.size]
            last_key = max((number for number, packet in enumerate(packets) if packet.is_keyframe), default=0)
            wanted = [
                packet
                for number, packet in enumerate(packets)
                if number < OPENING_PACKETS or packet.is_keyframe or number >= last_key
            ]
            for packet in [*wanted, None]:
                for frame in context.decode(packet):
                    yield round((frame.pts or 0) * time_base * rate), frame
    except (av.FFmpegError, IndexError) as error:
        raise BadOutput(f"The clip {path} cannot be decoded: {error}.", "Render this scene again.") from error


def reframed_luma(photo: Path, view: View, film: FilmFormat, pose: Pose = STRAIGHT) -> Plane:
    """Luma of the photo cropped to one window by Pillow's Lanczos: what a frame should look like.

    Raises:
        BadPhoto: the photo cannot be decoded.
    """
    import cv2
    from PIL import Image

    picture = open_picture(photo, pose)
    # All three rows of the matrix take a quarter of the time of the first one alone.
    yuv = cv2.transform(np.asarray(picture), RGB_TO_YUV)
    luma = Image.fromarray(np.asarray(cv2.extractChannel(yuv, 0), np.uint8))
    size = (film.width, film.height)
    return np.asarray(luma.resize(size, Image.Resampling.LANCZOS, box=_box(view, luma.size, film)))


def ssim(a: Plane, b: Plane) -> float:
    """Structural similarity of two pictures of one size, over 8x8 blocks; 1 = equal (Wang et al. 2004, eq. 13)."""
    import cv2

    def means(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        blocks = (plane.shape[1] // 8, plane.shape[0] // 8)
        return np.asarray(cv2.resize(plane, blocks, interpolation=cv2.INTER_AREA), np.float32)

    x, y = a.astype(np.float32), b.astype(np.float32)
    mean_x, mean_y = means(x), means(y)
    square_x, square_y, product = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    variances = means(x * x) + means(y * y) - square_x - square_y
    covariance = means(x * y) - product
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * product + c1) * (2 * covariance + c2) / ((square_x + square_y + c1) * (variances + c2))
    return float(similarity.mean())


def _box(view: View, size: tuple[int, int], film: FilmFormat) -> tuple[float, float, float, float]:
    share_x, share_y = cover_share(size, film)
    half_x, half_y = share_x / view.zoom / 2, share_y / view.zoom / 2
    width, height = size
    return (
        max(0.0, (view.x - half_x) * width),
        max(0.0, (view.y - half_y) * height),
        min(float(width), (view.x + half_x) * width),
        min(float(height), (view.y + half_y) * height),
    )
