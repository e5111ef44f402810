"""A whole product that buys of an emulated Replicate, through the real client, in time that waits for nobody."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from emulators.replicate import ReplicateEmulator
from fakes import FakeClips, FakeTracks, Shelf
from nearest_frame import NearestFrame
from studio_kit import BRIEF, Studio, settings_in

from property_video.core.money import in_usd
from property_video.definitions import build_means
from property_video.orders.buyer import Means
from property_video.orders.journal import Journal
from property_video.settings import Access

__all__ = ["HOSTED_BRIEF", "KLING", "PRICES", "STABLE", "VEO", "NearestFrame", "Shop", "open_shop", "serve"]

VEO = "replicate:google/veo-3.1-fast"
KLING = "replicate:kwaivgi/kling-v2.5-turbo-pro"
STABLE = "replicate:stability-ai/stable-audio-2.5"
PRICES = {VEO: 0.40, KLING: 0.35, STABLE: 0.20}

HOSTED_BRIEF = f"""{BRIEF}
providers: {{video: ["{VEO}", "{KLING}"], music: ["{STABLE}"]}}
budget_usd: 12.00
"""


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
        self.balanced()

    def balanced(self, *, left_files: bool = False, unfetched: int = 0, noted: Sequence[str] = ()) -> None:
        """The same where files could not be deleted, or where so many outputs that were paid for could not be had."""
        assert self.spent() == self.service.spent_usd()
        assert self.service.paid_twice() == []
        assert len(self.service.orphans()) == unfetched
        assert self.service.violations == list(noted)
        assert self.service.webhooks == []  # none is asked for, so none can be dropped, doubled, late or forged
        assert left_files or self.service.left_files() == []


def open_shop(root: Path, instance: dg.DagsterInstance, shelf: Shelf, service: ReplicateEmulator) -> Shop:
    settings = replace(settings_in(root), services={"replicate": Access(service.token, service.url)})
    studio = Studio(settings, instance, FakeClips(shelf), FakeTracks(shelf))
    shop = Shop(studio, service)
    studio.replacements["means"] = shop.means()
    return shop


def serve(outputs: Path) -> ReplicateEmulator:
    return ReplicateEmulator(outputs, speed=1.0, scale=0.2)
