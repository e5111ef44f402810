"""What tests of several layers share: small photos, and a whole product in one folder.

Here and not in conftest.py: there are several modules of that name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import numpy as np
from fakes import FakeClips, FakeTracks
from pydantic import BaseModel

from property_video.core.outputs import Film
from property_video.definitions import build_defs
from property_video.settings import Settings
from property_video.store import keys
from property_video.store.local import LocalStore

R = TypeVar("R", bound=BaseModel)

Launch = Mapping[str, Mapping[str, Any]]
"""What a person enters when launching: values by asset."""

AT_ONCE = dg.RetryPolicy(max_retries=2, delay=0)
"""Retries that nobody waits for."""

CAMPAIGN = "oak-street"

BRIEF = """\
client: Costa Lenta Estates
property: {name: Oak Street 12, address: "12 Oak Street", bedrooms: 3, highlights: [heated pool]}
brand: {agent: Marta Ilves, phone: "+00 555 0199", email: marta@agency.example, website: agency.example}
scene_seconds: 2
"""
"""Two seconds are the shortest scene; a film of three such scenes takes 6 CPU seconds."""

SECRETS = ("LENS-SERIAL-77341", "CAM-SERIAL-99021")
GPS = {1: "N", 2: (41.0, 24.0, 12.5), 3: "E", 4: (2.0, 10.0, 27.4)}


def write_photo(path: Path, seed: int, *, size: tuple[int, int] = (1280, 800), private: bool = False) -> Path:
    """An invented room with large shapes and fine texture, as JPEG; `private` adds a place and serial numbers."""
    from PIL import Image

    width, height = size
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    picture = np.stack([90 + 100 * x, 120 + 60 * y, 150 - 80 * x * y], axis=-1)
    for _ in range(25):
        left, top = rng.uniform(-0.1, 0.9, 2) * (width, height)
        right, bottom = (left, top) + rng.uniform(0.05, 0.4, 2) * (width, height)
        picture[max(0, int(top)) : int(bottom), max(0, int(left)) : int(right)] = rng.uniform(40, 235, 3)
    picture += 6 * np.sin(300 * x + 200 * y)[..., None]
    exif = Image.Exif()
    if private:
        exif.get_ifd(0x8825).update(GPS)
        exif.get_ifd(0x8769).update({0xA431: SECRETS[1], 0xA435: SECRETS[0]})
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(path, quality=92, exif=exif)
    return path


@dataclass
class Studio:
    """A whole product in one folder: settings, an instance in memory, and providers that tell what they were asked."""

    settings: Settings
    instance: dg.DagsterInstance
    clips: FakeClips
    tracks: FakeTracks
    campaign: str = CAMPAIGN
    replacements: dict[str, Any] = field(default_factory=dict)

    @property
    def store(self) -> LocalStore:
        return LocalStore(self.settings.store)

    @property
    def folder(self) -> Path:
        return self.settings.uploads / self.campaign

    def run(self, job: str = "film", config: Launch | None = None) -> dg.ExecuteInProcessResult:
        """One run of a job, with the launch configuration of assets by name; calls of earlier runs are forgotten."""
        self.clips.calls.clear()
        self.tracks.calls.clear()
        self.instance.add_dynamic_partitions("campaign", [self.campaign])
        defs = build_defs(self.settings, retry=AT_ONCE, clips=self.clips, tracks=self.tracks, **self.replacements)
        return defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=self.campaign,
            run_config={
                "ops": {asset: {"config": dict(values)} for asset, values in (config or {}).items()},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            raise_on_error=False,
        )

    def made(self, job: str = "film", config: Launch | None = None) -> Film:
        """The film after a run that must succeed."""
        result = self.run(job, config)
        assert result.success, why(result)
        return self.film()

    def film(self) -> Film:
        return self.record("final_video", Film)

    def record(self, asset: str, kind: type[R]) -> R:
        found = self.store.read(keys.record(asset, self.campaign), kind)
        assert found is not None, f"{asset} has no record"
        return found


def why(result: dg.ExecuteInProcessResult) -> str:
    """What failed, for an assertion's message."""
    failures = [event for event in result.all_events if event.is_step_failure]
    return "\n".join(str(event.step_failure_data.user_failure_data or event.event_specific_data) for event in failures)


def settings_in(root: Path) -> Settings:
    return Settings(
        home=root / "home",
        store=root / "store",
        uploads=root / "uploads",
        settle_s=0.0,
        lease_wait_s=0.0,
    )
