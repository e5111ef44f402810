"""Conforming: any clip becomes one with the film's exact parameters.

Whatever size, rate, length, colour, rotation it has, with sound or without: afterwards it joins others by stream copy.
Its first and last frames stay first and last. Where the film needs a frame that the clip has not, it is made along
the motion between its neighbours: repeating frames instead jumps by half a frame's motion (visible judder), blending
alone doubles every edge and pulses in sharpness by a fifth.

Not here: what makes a clip unusable and where its frames lie (core/foreign.py), frames in between
(media/interpolate.py), the encoder (media/encode.py).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from property_video.core.conformed import Conformed, ForeignClip
from property_video.core.errors import BadOutput, BadPhoto
from property_video.core.film import FilmFormat
from property_video.core.foreign import STILL_CHANGE, moments, shown_once, trouble, uneven
from property_video.files import written_whole
from property_video.media.canvas import RGB_TO_YUV, Plane, one_thread
from property_video.media.encode import encode
from property_video.media.interpolate import InBetween
from property_video.media.measure_clip import ssim
from property_video.media.resample import Planes, blank, planes_of

if TYPE_CHECKING:
    import av
    from av.video.stream import VideoStream

_SURVEY: Final = FilmFormat(width=480, height=270)
"""The size at which a clip is looked over."""

_COMPARED: Final = (640, 360)
"""The size at which first and last frames are compared with photos: models deliver 480 to 1080 lines, and softness is
not what makes a frame stray."""

_REMEDY: Final = "Order another take, or use the next provider."

_UNSPECIFIED: Final = 2
_MATRICES: Final = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020", 4: "fcc", 7: "smpte240m"}
"""Matrix coefficients by their number in ITU-T H.273, table 4."""

_SWSCALE: Final = {"bt709": 1, "fcc": 4, "bt601": 5, "smpte240m": 7, "bt2020": 9}
"""The same as libswscale numbers them."""

_EXACT: Final = 0x40000 | 0x2000
"""SWS_ACCURATE_RND and SWS_FULL_CHR_H_INT: without them colours come out up to two levels dark."""

_LIMITED, _FULL = 1, 2
"""Ranges as libav numbers them."""


def conform(
    source: Path,
    frames: int,
    film: FilmFormat,
    out: Path,
    *,
    first: Path | None = None,
    last: Path | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> Conformed:
    """Bring a foreign clip to the film's exact parameters.

    The clip is read twice, a frame at a time: once to see whether it is sound, once to paint. A clip of as many frames
    as the scene has is taken frame by frame, whatever rate it says; any other is retimed. A clip of another shape is
    cropped in the middle, never boxed.

    Args:
        source: The clip, in any container and codec that libav reads.
        frames: How many frames the scene has.
        film: The film's format.
        out: The MP4 to write, silent; it appears only when it is complete.
        first: The picture the clip was to begin on, for comparison.
        last: The picture it was to end on.
        on_frame: Called with (frames done, frames in all).

    Raises:
        BadOutput: the clip is broken, cut short, black, frozen, or has too few frames; the reason says which.
        BadPhoto: `first` or `last` cannot be decoded.
        StoreFull: the disk has no room.
        StoreError: the folder cannot be written.
    """
    with one_thread():
        references = [_reference(photo) if photo else None for photo in (first, last)]
        clip, times, changes = _survey(source)
        darkest_photo = min((float(luma.mean()) for luma in references if luma is not None), default=255.0)
        if reason := trouble(clip, frames, film, darkest_photo):
            raise BadOutput(f"The clip {source.name} {reason}.", _REMEDY)
        kept = shown_once(changes)
        # Repeats stand where a frame of their own would have stood: what is left is evenly spaced.
        places = moments(times if len(kept) == len(times) else range(len(kept)), frames)
        with _upright_pictures(source, film, kept) as pictures, written_whole(out) as partial:
            retimer = _Retimer(pictures, places, film, source)
            encode(retimer.paint, frames, film, partial, on_frame)
    similar = [
        ssim(seen, wanted) if wanted is not None else None
        for seen, wanted in zip((retimer.first, retimer.last), references, strict=True)
    ]
    return Conformed(
        source=clip.model_copy(update={"repeats": clip.frames - len(kept)}),
        speed=clip.seconds * clip.frames / (clip.frames - 1) * film.fps / frames,
        interpolated=retimer.interpolated,
        reliable=retimer.reliable / retimer.interpolated if retimer.interpolated else 1.0,
        ssim_first=similar[0],
        ssim_last=similar[1],
    )


class _Retimer:
    """Paints a source's pictures at other moments, in order, two of them in memory at a time."""

    def __init__(self, pictures: Iterator[Planes], places: Sequence[float], film: FilmFormat, source: Path) -> None:
        self._pictures, self._places, self._source = pictures, places, source
        self._between, self._looked_at = InBetween(film), -1
        self._number = -1
        self._before, self._after = blank(film), blank(film)
        self.interpolated, self.reliable = 0, 0.0
        self.first = self.last = np.zeros(_COMPARED[::-1], np.uint8)

    def paint(self, frame: int, into: Planes) -> None:
        place = self._places[frame]
        below = int(place)
        self._advance(below if place == below else below + 1)
        if place == below:
            _copy(self._after if below == self._number else self._before, into)
        else:
            self._paint_between(below, place - below, into)
        if frame == 0:
            self.first = _comparable(into.y)
        if frame == len(self._places) - 1:
            self.last = _comparable(into.y)

    def _paint_between(self, below: int, t: float, into: Planes) -> None:
        if self._looked_at != below:
            self._between.look_at(self._before, self._after)
            self._looked_at = below
        self._between.paint(t, into)
        self.interpolated += 1
        self.reliable += self._between.reliable

    def _advance(self, number: int) -> None:
        """Read on until source picture `number` is `after`, and the one before it `before`."""
        while self._number < number:
            picture = next(self._pictures, None)
            if picture is None:
                raise BadOutput(f"The clip {self._source} ended at frame {self._number + 1} this time.", _REMEDY)
            self._before, self._after = self._after, self._before
            _copy(picture, self._after)
            self._number += 1


def _survey(source: Path) -> tuple[ForeignClip, list[float], list[float]]:
    """Look a clip over: what it is, the times of its frames in seconds, and their changes from the frames before.

    Raises:
        BadOutput: the file is no video, or cannot be decoded.
    """
    import cv2

    times: list[float] = []
    changes: list[float] = []
    darkest, detail, travel, broken, still, longest_still = 255.0, 0.0, 0.0, 0, 0, 0
    opening = before = None
    with _decoded(source) as (stream, frames):
        reader = None
        for frame in frames:
            reader = reader or _Reader(frame, stream, _SURVEY)
            luma = reader.read(frame).y.copy()
            time = frame.time if frame.time is not None else len(times) / 24
            # Times that stand still or run backwards come from broken containers; the order of frames is what counts.
            times.append(max(time, times[-1] + 1e-4) if times else time)
            broken += frame.is_corrupt
            mean, deviation = (float(value.item()) for value in cv2.meanStdDev(luma))
            darkest, detail = min(darkest, mean), max(detail, deviation)
            if opening is None or before is None:
                opening = luma
            else:
                travel = max(travel, _change(luma, opening))
                changes.append(_change(luma, before))
                still = still + 1 if changes[-1] < STILL_CHANGE else 0
                longest_still = max(longest_still, still)
            before = luma
        if reader is None:
            raise BadOutput(f"The clip {source.name} has no frames.", _REMEDY)
        seconds = times[-1] - times[0]
        promised_s = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        clip = ForeignClip(
            codec=stream.codec_context.name,
            width=reader.upright[0],
            height=reader.upright[1],
            rotation=reader.rotation,
            frames=len(times),
            promised=stream.frames,
            seconds=seconds,
            promised_seconds=promised_s,
            uneven=uneven(times),
            matrix=reader.matrix,
            full_range=reader.full_range,
            transfer=int(stream.codec_context.color_trc),
            sound=bool(stream.container.streams.audio),
            broken_frames=broken,
            darkest_luma=darkest,
            detail=detail,
            travel=travel,
            longest_still=longest_still / max(len(times) - 1, 1),
        )
    return clip, times, changes


def _change(luma: Plane, other: Plane) -> float:
    import cv2

    return float(cv2.norm(luma, other, cv2.NORM_L1)) / luma.size


@contextmanager
def _decoded(source: Path) -> Iterator[tuple["VideoStream", Iterator["av.VideoFrame"]]]:
    """A clip's video stream and its frames in showing order.

    Raises:
        BadOutput: the file is no video, or cannot be decoded.
    """
    import av

    try:
        with av.open(str(source)) as container:
            if not container.streams.video:
                raise BadOutput(f"The clip {source.name} has no picture.", _REMEDY)
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1  # each thread would hold frames of its own
            yield stream, container.decode(stream)
    except (av.FFmpegError, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
            raise
        raise BadOutput(f"The clip {source.name} cannot be decoded: {error}.", _REMEDY) from error


@contextmanager
def _upright_pictures(source: Path, film: FilmFormat, kept: Sequence[int]) -> Iterator[Iterator[Planes]]:
    """The kept pictures of a clip as the film's planes, one at a time; a picture lasts until the next is asked for."""
    wanted = frozenset(kept)

    def pictures(stream: "VideoStream", frames: Iterator["av.VideoFrame"]) -> Iterator[Planes]:
        reader = None
        for number, frame in enumerate(frames):
            if number in wanted:
                reader = reader or _Reader(frame, stream, film)
                yield reader.read(frame)

    with _decoded(source) as (stream, frames):
        yield pictures(stream, frames)


@dataclass(frozen=True, slots=True)
class _Cover:
    """A size that covers the film's, before turning, and what is cut off of it after turning."""

    scaled: tuple[int, int]
    left: int
    top: int


class _Reader:
    """Turns a foreign frame into the film's planes: BT.709, limited range, upright, cropped to cover."""

    def __init__(self, frame: "av.VideoFrame", stream: "VideoStream", film: FilmFormat) -> None:
        self._film = film
        # libav counts counter-clockwise; the picture has to be turned by that much to stand upright.
        self.rotation = round(-frame.rotation / 90) * 90 % 360
        pixel_shape = float(stream.sample_aspect_ratio or 1) or 1.0
        self._turned = self.rotation in (90, 270)
        shown = (frame.width * pixel_shape, float(frame.height))
        self._cover = _cover(shown[::-1] if self._turned else shown, self._turned, film)
        self.upright = (frame.height, frame.width) if self._turned else (frame.width, frame.height)
        self.matrix = _matrix(frame)
        self.full_range = frame.format.name.startswith("yuvj") or int(frame.color_range) == _FULL

    def read(self, frame: "av.VideoFrame") -> Planes:
        import cv2
        from av.video.reformatter import Interpolation

        width, height = self._cover.scaled
        kernel = Interpolation.AREA if width < frame.width else Interpolation.LANCZOS
        scaled = frame.reformat(
            width=width,
            height=height,
            format="yuv420p",
            src_colorspace=_SWSCALE.get(self.matrix, _SWSCALE["bt709"]),
            dst_colorspace=_SWSCALE["bt709"],
            src_color_range=_FULL if self.full_range else _LIMITED,
            dst_color_range=_LIMITED,
            interpolation=int(kernel) | _EXACT,
        )
        planes = planes_of(scaled)
        turns = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
        if self.rotation:
            planes = Planes(*(np.asarray(cv2.rotate(plane, turns[self.rotation]), np.uint8) for plane in planes))
        left, top = self._cover.left, self._cover.top
        film = self._film
        return Planes(
            planes.y[top : top + film.height, left : left + film.width],
            *(
                plane[top // 2 : (top + film.height) // 2, left // 2 : (left + film.width) // 2]
                for plane in (planes.u, planes.v)
            ),
        )


def _cover(shown: tuple[float, float], turned: bool, film: FilmFormat) -> _Cover:
    """How large a picture shown as (width, height) has to be to cover the film, in even pixels, and its middle."""
    scale = max(film.width / shown[0], film.height / shown[1])
    width, height = (
        max(least, 2 * round(side * scale / 2)) for side, least in zip(shown, (film.width, film.height), strict=True)
    )
    left, top = (width - film.width) // 4 * 2, (height - film.height) // 4 * 2
    return _Cover((height, width) if turned else (width, height), left, top)


def _matrix(frame: "av.VideoFrame") -> str:
    """The YUV matrix of a frame; an untagged one has BT.601 in standard definition and BT.709 above, as players do."""
    if frame.format.is_rgb:
        return "rgb"
    tag = int(frame.colorspace)
    if tag == _UNSPECIFIED or tag not in _MATRICES:
        return "bt709" if frame.width >= 1280 or frame.height > 576 else "bt601"
    return _MATRICES[tag]


def _reference(photo: Path) -> Plane:
    """Luma of a picture, cropped to cover, at the size frames are compared at.

    Raises:
        BadPhoto: the file cannot be decoded.
    """
    import cv2
    from PIL import Image, ImageOps

    try:
        with Image.open(photo) as image:
            fitted = ImageOps.fit(image.convert("RGB"), _COMPARED, Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPhoto(f"{photo} cannot be decoded: {error}.", "Export it again as JPEG.") from error
    return np.asarray(cv2.transform(np.asarray(fitted), RGB_TO_YUV[:1]), np.uint8).reshape(_COMPARED[::-1])


def _comparable(luma: Plane) -> Plane:
    import cv2

    kernel = cv2.INTER_AREA if luma.shape[1] > _COMPARED[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(luma, _COMPARED, interpolation=kernel), np.uint8)


def _copy(source: Planes, into: Planes) -> None:
    for plane, pixels in zip(into, source, strict=True):
        np.copyto(plane, pixels)
