"""What a clip from elsewhere was found to be, and what bringing it to the film's form did, as records.

Not here: what passes (foreign.py), doing it (media/conform.py).
"""

from property_video.core.records import Record


class ForeignClip(Record):
    """A clip as it came.

    `width` and `height` are upright pixels; `rotation` is how far they were turned, in degrees clockwise. `frames`
    were decoded, `promised` is what the container said (0: nothing). `seconds` run from the first frame's time to the
    last one's; `uneven` says that its frames are not equally far apart. `matrix` is the YUV matrix that it was read
    with. `broken_frames` could not be decoded faithfully.

    Levels are of 8-bit luma in limited range, over a 480x270 copy: `darkest_luma` is the smallest mean of a frame,
    `detail` the largest standard deviation, `travel` the largest mean difference from the first frame,
    `longest_still` the longest share of the clip in which nothing changes. `repeats` are frames that only fill up a
    higher rate, as 24 fps film does in 30 fps video.
    """

    codec: str
    width: int
    height: int
    rotation: int
    frames: int
    promised: int
    seconds: float
    promised_seconds: float
    uneven: bool
    matrix: str
    full_range: bool
    transfer: int
    sound: bool
    broken_frames: int
    darkest_luma: float
    detail: float
    travel: float
    longest_still: float
    repeats: int = 0

    @property
    def fps(self) -> float:
        """Frames per second, on average."""
        return (self.frames - 1) / self.seconds if self.seconds else 0.0


class Conformed(Record):
    """What conforming did.

    `speed` is how much faster than in its own clip things move. Of the film's frames, `interpolated` lie between two
    source frames; `reliable` is the mean share of their pixels that followed a motion (the rest was blended), 1 when
    none is interpolated. `ssim_first` and `ssim_last` compare the clip's ends with the pictures it was to begin and
    end on (luma at 640 pixels of width, blocks of 8x8; 1 = equal); None where there was none. Where they stray,
    `apart_first` and `apart_last` are the distances of what photo analysis sees in both (1 - cosine of features); None
    where they do not, or where it cannot see.
    """

    source: ForeignClip
    speed: float
    interpolated: int
    reliable: float
    ssim_first: float | None
    ssim_last: float | None
    apart_first: float | None = None
    apart_last: float | None = None
