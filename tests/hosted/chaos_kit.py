"""A film of which everything embedded is there already, and what must hold when its hosted pieces meet trouble."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from fakes import Shelf
from hosted_kit import KLING, STABLE, VEO, NearestFrame, Shop, open_shop, serve
from studio_kit import BRIEF, Studio

from property_video.core.conformed import Conformed
from property_video.core.outputs import Film

FIRST, SECOND, TRACK = "scene_1", "scene_6", "track"

CHAOS_BRIEF = f"""{BRIEF}
providers: {{music: ["{STABLE}"]}}
scenes:
  1: {{video: ["{VEO}", "{KLING}"]}}
  6: {{video: ["{VEO}", "{KLING}"]}}
budget_usd: 12.00
"""
"""Two clips and a track are bought; a third scene is embedded."""


class ConformedOnce:
    """In place of `media.conform.conform`: equal clips are conformed once for all tests, and then copied."""

    def __init__(self, folder: Path) -> None:
        from property_video.media.conform import conform

        self.folder, self.conform, self.known = folder, conform, dict[str, Conformed]()
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, raw: Path, frames: int, film: Any, out: Path, **ends: Path | None) -> Conformed:
        key = f"{raw.stem}-{frames}-{ends['last'] is None}"
        kept = self.folder / f"{key}.mp4"
        if key not in self.known:
            self.known[key] = self.conform(raw, frames, film, kept, **ends)
        shutil.copyfile(kept, out)
        return self.known[key]


@contextmanager
def no_waiting(folder: Path) -> Iterator[None]:
    """Frames in between and clips are cheap, and nobody sleeps between two questions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("property_video.providers.replicate.api.PAUSE_S", 0.0)
        patch.setattr("property_video.media.conform.InBetween", NearestFrame)
        patch.setattr("property_video.media.conform.conform", ConformedOnce(folder))
        yield


@contextmanager
def shop_in(root: Path, finished: Studio, shelf: Shelf, outputs: Path) -> Iterator[Shop]:
    """A copy of the finished embedded film, which now wants two clips and a track of hosted models."""
    for part in ("store", "uploads"):
        shutil.copytree(finished.settings.home.parent / part, root / part)
    with dg.DagsterInstance.ephemeral() as instance, serve(outputs) as service:
        shop = open_shop(root, instance, shelf, service)
        shop.brief(CHAOS_BRIEF)
        yield shop


def makers(film: Film) -> dict[str, str]:
    """Who made each piece that hosted models were asked for."""
    clips = {clip.scene: clip.take.provider for clip in film.scenes if clip.take and clip.scene in (FIRST, SECOND)}
    return clips | {TRACK: film.track.provider}


def reasons(film: Film, piece: str) -> str:
    """Why rungs of a piece fell."""
    if piece == TRACK:
        return " ".join(film.track.fell)
    return " ".join(next(clip.fell for clip in film.scenes if clip.scene == piece))
