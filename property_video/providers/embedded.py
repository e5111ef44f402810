"""The embedded provider: this machine's own camera and composer. No key, no network, no cost.

It only moves a camera over real pixels, so what it makes shows nothing that is not in the photos.

Not here: how pixels and samples are made (media).
"""

from pathlib import Path

from property_video.core.orders import SceneOrder, TrackOrder
from property_video.core.score import compose
from property_video.files import written_whole
from property_video.providers.base import OnProgress


class Embedded:
    """Makes clips with `media.render` and tracks with `media.synthesize`."""

    def make_clip(self, order: SceneOrder, first: Path, last: Path | None, out: Path, on_progress: OnProgress) -> None:
        """Render the ordered camera move; see `media.render.render_clip` for what it raises."""
        from property_video.media.render import render_clip

        assert order.shot is not None, "a scene that is left out orders no clip"
        render_clip(first, last, order.shot, out, on_progress)

    def make_track(self, order: TrackOrder, out: Path, on_progress: OnProgress) -> None:
        """Compose and play the ordered piece; see `media.synthesize.synthesize` for what it raises."""
        from property_video.media.synthesize import synthesize

        with written_whole(out) as partial:
            synthesize(compose(order.passages, order.fps, order.mood, order.seed), partial, on_progress)
