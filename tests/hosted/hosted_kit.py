"""A whole product that buys of an emulated Replicate, through the real client, in time that waits for nobody."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import numpy as np
from conftest import BRIEF, Studio, settings_in
from emulators.replicate import ReplicateEmulator
from fakes import FakeClips, FakeTracks, Shelf

from property_video.core.film import FilmFormat
from property_video.core.money import in_usd
from property_video.definitions import build_means
from property_video.media.resample import Planes
from property_video.orders.buyer import Means
from property_video.orders.journal import Journal
from property_video.settings import Access

VEO = "replicate:google/veo-3.1-fast"
KLING = "replicate:kwaivgi/kling-v2.5-turbo-pro"
STABLE = "replicate:stability-ai/stable-audio-2.5"
PRICES = {VEO: 0.40, KLING: 0.35, STABLE: 0.20}

HOSTED_BRIEF = f"""{BRIEF}
providers: {{video: ["{VEO}", "{KLING}"], music: ["{STABLE}"]}}
budget_usd: 12.00
"""


class NearestFrame:
    """In place of `media.interpolate.InBetween`, which takes ten seconds a clip and has tests of its own."""

    reliable = 1.0

    def __init__(self, film: FilmFormat) -> None:
        self.ends: tuple[Planes, Planes] | None = None

    def look_at(self, before: Planes, after: Planes) -> None:
        self.ends = before, after

    def paint(self, t: float, into: Planes) -> None:
        assert self.ends is not None
        for plane, pixels in zip(into, self.ends[t >= 0.5], strict=True):
            np.copyto(plane, pixels)


@dataclass
class Shop:
    """A studio and the service that it buys of. Whoever waits lets the service's time pass, and only that."""

    studio: Studio
    service: ReplicateEmulator

    def wait(self, seconds: float) -> None:
        self.service.advance(seconds)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.service.now(), UTC)

    def means(self) -> Means:
        return replace(build_means(self.studio.settings), clock=self.now, sleep=self.wait)

    def brief(self, text: str) -> None:
        (self.studio.folder / "campaign.yaml").write_text(text, encoding="utf-8")

    def spent(self) -> float:
        """What the journal says was spent."""
        journal = Journal(self.studio.store, self.studio.campaign)
        return in_usd(sum(journal.state(order).cost for order in journal.orders()))

    def settled(self) -> None:
        """What must hold after every run: the ledger is the bill, nothing was bought twice, nothing was left."""
        assert self.spent() == self.service.spent_usd()
        assert self.service.paid_twice() == []
        assert self.service.orphans() == []
        assert self.service.violations == []
        assert self.service.left_files() == []


def open_shop(root: Path, instance: dg.DagsterInstance, shelf: Shelf, service: ReplicateEmulator) -> Shop:
    settings = replace(settings_in(root), services={"replicate": Access(service.token, service.url)})
    studio = Studio(settings, instance, FakeClips(shelf), FakeTracks(shelf))
    shop = Shop(studio, service)
    studio.replacements["means"] = shop.means()
    return shop


def serve(outputs: Path) -> ReplicateEmulator:
    return ReplicateEmulator(outputs, speed=1.0, scale=0.2)
