"""Encoding: frames into H.264 with the film's exact parameters, one thread painting while x264 encodes.

Not here: what the frames show (media/frames.py), joining clips and encoding sound (media/join.py).
"""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from property_video.core.film import FilmFormat
from property_video.media.canvas import one_thread
from property_video.media.resample import Planes, planes_of

if TYPE_CHECKING:
    import av

BT709: Final = 1
LIMITED: Final = 1

RING: Final = 4
"""Frames that circulate between painter and encoder, 3 MB each. x264 copies a picture when it takes it."""

ENCODER_THREADS: Final = 2
"""Fixed, because x264 writes other bytes for other numbers of threads."""


def x264_options(film: FilmFormat) -> dict[str, str]:
    """Encoder options for stills in motion.

    Half the bytes of stock superfast at 80 % of its CPU: everything moves by fractions of a pixel, so `subme=2` pays,
    and a fixed pattern of B-frames needs no look-ahead. VMAF 95-97. Every GOP is closed and begins with an IDR frame.
    """
    return {
        "preset": "superfast",
        "crf": "18",
        "x264-params": (
            f"subme=2:bframes=3:b-adapt=0:scenecut=0:keyint={film.keyint}:min-keyint={film.keyint}:open-gop=0"
        ),
    }


def encode(
    paint: Callable[[int, Planes], None],
    frames: int,
    film: FilmFormat,
    out: Path,
    on_frame: Callable[[int, int], None] | None = None,
) -> None:
    """Write `frames` painted frames to `out` as MP4 with the index first.

    Args:
        paint: Draws frame i into the planes it is given; called in order, in a thread of its own.
        frames: How many.
        film: The film's format.
        out: The file to write; it is overwritten, and incomplete if this raises.
        on_frame: Called with (frames done, frames in all) in the calling thread.

    Raises:
        OSError: the file cannot be written; `errno` says why.
        Exception: whatever `paint` raised.
    """
    import av

    with av.open(str(out), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=film.fps, options=x264_options(film))
        context = stream.codec_context
        context.width, context.height = film.width, film.height
        context.pix_fmt = "yuv420p"
        context.thread_count = ENCODER_THREADS
        context.sample_aspect_ratio = 1  # type: ignore[assignment]
        context.color_range, context.colorspace = LIMITED, BT709
        context.color_primaries, context.color_trc = BT709, BT709
        with _painted(paint, frames, film) as pictures:
            for done, picture in enumerate(pictures, start=1):
                container.mux(stream.encode(picture))
                if on_frame is not None:
                    on_frame(done, frames)
        container.mux(stream.encode(None))


@contextmanager
def _painted(
    paint: Callable[[int, Planes], None], frames: int, film: FilmFormat
) -> Iterator[Iterator["av.VideoFrame"]]:
    """Painted frames in order, made ahead in a thread that ends with this context, whatever happens.

    A picture may be kept only until the next one is asked for.
    """
    import av

    free: queue.SimpleQueue[av.VideoFrame | None] = queue.SimpleQueue()
    painted: queue.SimpleQueue[av.VideoFrame | BaseException] = queue.SimpleQueue()
    stop = threading.Event()
    for _ in range(min(RING, frames)):
        free.put(av.VideoFrame(film.width, film.height, "yuv420p"))

    def work() -> None:
        try:
            for number in range(frames):
                picture = free.get()
                if picture is None or stop.is_set():
                    return
                paint(number, planes_of(picture))
                picture.pts = number
                painted.put(picture)
        except BaseException as error:  # handed to the caller, who raises it
            painted.put(error)

    def pictures() -> Iterator[av.VideoFrame]:
        for _ in range(frames):
            picture = painted.get()
            if isinstance(picture, BaseException):
                raise picture
            yield picture
            free.put(picture)

    with one_thread():
        painter = threading.Thread(target=work, name="painter", daemon=True)
        painter.start()
        try:
            yield pictures()
        finally:
            stop.set()
            free.put(None)
            painter.join()
