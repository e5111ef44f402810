"""What a finished clip, track or film was found to be: the records that verification judges.

Not here: reading files (media/probe.py, media/measure_clip.py) or deciding what passes (verdicts.py).
"""

from property_video.core.records import Record


class VideoProbe(Record):
    """The picture of a file.

    Rates are frames per second as `numerator/denominator`; durations are seconds. Colour tags are the numbers of
    ITU-T H.273 (1 = BT.709); `color_range` is 1 for limited (tv), 2 for full. `key_frames` are the positions of key
    frames in showing order; `closed_gop` says that each of them is an IDR picture; `pts_gaps` are the distinct
    distances between shown frames in units of `time_base`: exactly one when the rate is constant.
    """

    codec: str
    profile: str
    pix_fmt: str
    width: int
    height: int
    real_rate: str
    average_rate: str
    time_base: str
    frames: int
    duration: float
    color_range: int
    color_space: int
    color_transfer: int
    color_primaries: int
    sample_aspect_ratio: str
    key_frames: tuple[int, ...]
    closed_gop: bool
    pts_gaps: tuple[int, ...]


class AudioProbe(Record):
    """The sound of a file: `rate` in samples per second, `bit_rate` in bits per second, `duration` in seconds."""

    codec: str
    profile: str
    rate: int
    channels: int
    bit_rate: int
    duration: float


class Probe(Record):
    """A media file as its container and packets describe it; nothing was decoded."""

    container: str
    file_bytes: int
    duration: float
    moov_first: bool
    video: VideoProbe | None
    audio: AudioProbe | None
    tags: dict[str, str]


class ClipMeasures(Record):
    """What a clip's pixels show, sampled at its opening, its key frames and its last seconds.

    `ssim_first` and `ssim_last` compare the first and the last frame with an independent Lanczos crop of the photo
    (luma, blocks of 8x8; 1 = equal). `darkest_luma` is the smallest mean of a frame, 16 =
    black. `smallest_change` and `largest_change` are mean absolute differences of luma between sampled frames at
    most four apart, at 480x270; 0 = frozen. `sampled_frames` says how many were decoded.
    """

    ssim_first: float
    ssim_last: float
    darkest_luma: float
    smallest_change: float
    largest_change: float
    sampled_frames: int
    photo_luma: float
    photo_detail: float
