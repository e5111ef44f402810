"""Plain fakes with scripted outcomes and a recorded call list. No mocks: what a fake was asked is in `calls`."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from property_video.core.orders import SceneOrder, TrackOrder
from property_video.providers.base import OnProgress
from property_video.providers.embedded import Embedded

Outcome = Exception | Path | None
"""What a fake does when it is asked: raise, hand over that file, or do the real work."""


class Shelf:
    """The embedded provider, which makes one piece of work once and then takes it from a shelf.

    Equal fingerprints are equal bytes (test_campaign.py shows it), so tests need not render them again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.embedded = Embedded()

    def make_clip(self, order: SceneOrder, first: Path, last: Path | None, out: Path, on_progress: OnProgress) -> None:
        kept = self.folder / f"{order.fingerprint}.mp4"
        if not kept.exists():
            self.embedded.make_clip(order, first, last, kept, on_progress)
        shutil.copyfile(kept, out)

    def make_track(self, order: TrackOrder, out: Path, on_progress: OnProgress) -> None:
        kept = self.folder / f"{order.fingerprint}.wav"
        if not kept.exists():
            self.embedded.make_track(order, kept, on_progress)
        shutil.copyfile(kept, out)


class FakeClips:
    """A clip provider that follows a script, scene by scene, and works properly when the script says nothing."""

    def __init__(self, worker: Shelf | Embedded, script: Mapping[str, Iterable[Outcome]] | None = None) -> None:
        self.worker = worker
        self.script = {scene: list(outcomes) for scene, outcomes in (script or {}).items()}
        self.calls: list[str] = []

    def make_clip(self, order: SceneOrder, first: Path, last: Path | None, out: Path, on_progress: OnProgress) -> None:
        self.calls.append(order.scene)
        planned = self.script.get(order.scene)
        outcome = planned.pop(0) if planned else None
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, Path):
            shutil.copyfile(outcome, out)
            return
        self.worker.make_clip(order, first, last, out, on_progress)


class FakeTracks:
    """A track provider that follows a script and works properly when it says nothing."""

    def __init__(self, worker: Shelf | Embedded, script: Iterable[Outcome] = ()) -> None:
        self.worker = worker
        self.script = list(script)
        self.calls: list[str] = []

    def make_track(self, order: TrackOrder, out: Path, on_progress: OnProgress) -> None:
        self.calls.append(order.mood)
        outcome = self.script.pop(0) if self.script else None
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, Path):
            shutil.copyfile(outcome, out)
            return
        self.worker.make_track(order, out, on_progress)
