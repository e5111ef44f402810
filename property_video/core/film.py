"""The film's exact parameters: what every clip, the track and the master share.

Not here: how they are reached (media) or checked (verdicts.py).
"""

from typing import Final

from property_video.core.records import Record


class FilmFormat(Record):
    """Parameters that every clip of a film shares, so that joining is a stream copy."""

    width: int = 1920
    height: int = 1080
    fps: int = 30
    keyint: int = 60

    def frames(self, seconds: float) -> int:
        """Frames of a scene that lasts `seconds`, to the nearest frame."""
        return round(seconds * self.fps)


FILM: Final = FilmFormat()
"""The master: 1920x1080, 30 fps, closed GOP of 2 s (for scrubbing; +5-10 % bytes against 4 s)."""

SAMPLE_RATE: Final = 48_000
"""Samples per second of every track."""
