"""What a finished track measures, and what it must measure.

Not here: how it is measured (media/loudness.py) or reached (media/master.py).
"""

from typing import Final

from property_video.core.records import Record

TARGET_LUFS: Final = -14.0
"""Integrated loudness of every film: the level streaming platforms play at."""

CEILING_DBTP: Final = -2.5
"""True peak of a mastered track before AAC, which added up to .84 dB over 50 tracks; films must stay at or below -1."""

FADE_S: Final = 0.5
"""Seconds of the fades at both ends of a film."""


class TrackMeasures(Record):
    """Measurements of one audio stream, decoded.

    `lufs` is integrated loudness and `loudness_range` is LRA in LU (EBU R128); `true_peak_dbtp` is the highest
    oversampled peak of any channel. `dc` is the largest mean of a channel, full scale 1. `clipped` counts samples
    at .9999 of full scale or above. `first_20ms_dbfs`, `last_20ms_dbfs` are RMS levels of the edges.
    `mono_db` is the level of the mono fold-down (L+R)/2 against the stereo level; `correlation` is between left and
    right, -1..1 (1 for mono). Levels of silence are -120.
    """

    duration_s: float
    samples: int
    sample_rate: int
    channels: int
    lufs: float
    true_peak_dbtp: float
    loudness_range: float
    dc: float
    clipped: int
    first_20ms_dbfs: float
    last_20ms_dbfs: float
    mono_db: float
    correlation: float
