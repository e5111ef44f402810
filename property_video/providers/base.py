"""What a provider is.

Not here: any provider.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from property_video.core.orders import SceneOrder, TrackOrder

OnProgress = Callable[[int, int], None]
"""Told how many of how many units are done."""


class ClipProvider(Protocol):
    """Makes clips."""

    def make_clip(self, order: SceneOrder, first: Path, last: Path | None, out: Path, on_progress: OnProgress) -> None:
        """Make the ordered clip from the working copies of its photos; `out` appears only when it is whole."""


class TrackProvider(Protocol):
    """Makes tracks."""

    def make_track(self, order: TrackOrder, out: Path, on_progress: OnProgress) -> None:
        """Make the ordered track as a WAV file; `out` appears only when it is whole."""
