"""One campaign through the whole graph with store and uploads in buckets; the service may go down in the middle."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from fakes import FakeClips, FakeTracks, Shelf
from s3_kit import S3, out_of_order
from studio_kit import AT_ONCE, BRIEF, CAMPAIGN, Studio, settings_in, why, write_photo

from property_video.core.orders import Orders
from property_video.core.photo import UploadedPhotos
from property_video.definitions import build_defs
from property_video.defs.reconciling import reconcile
from property_video.defs.resources import UploadsResource, form_of
from property_video.engine.repair import find_flaws
from property_video.media.probe import probe
from property_video.reports.portfolio import films_frame
from property_video.store import keys
from property_video.store.s3 import S3Store

pytestmark = pytest.mark.slow


@dataclass
class BucketStudio(Studio):
    """A studio that has nothing on this machine's disk."""

    @property
    def store(self) -> S3Store:  # type: ignore[override]
        found: S3Store = self.replacements["store"]
        return found


@pytest.fixture
def studio(s3: S3, tmp_path: Path, instance: dg.DagsterInstance, shelf: Shelf) -> Iterator[BucketStudio]:
    store, uploads = s3.bucket(), s3.bucket("uploads")
    for seed, name in enumerate(("pool", "bedroom-1", "bedroom-2", "kitchen"), start=1):
        photo = write_photo(tmp_path / f"{name}.jpg", seed, private=True)
        s3.client.upload_file(str(photo), uploads.name, f"uploads/{CAMPAIGN}/{photo.name}")
        photo.unlink()
    s3.client.put_object(Bucket=uploads.name, Key=f"uploads/{CAMPAIGN}/campaign.yaml", Body=BRIEF.encode())
    settings = replace(settings_in(tmp_path / "machine"), store=store, uploads=uploads)
    with closing(S3Store(store, tmp_path / "scratch", tries=2)) as opened:
        yield BucketStudio(settings, instance, FakeClips(shelf), FakeTracks(shelf), replacements={"store": opened})


def test_a_campaign_in_buckets_becomes_a_film_and_is_found_again(studio: BucketStudio, tmp_path: Path):
    film = studio.made()
    assert [clip.scene for clip in film.scenes if clip.take] == studio.clips.calls
    published = studio.store.media_path(keys.film(CAMPAIGN))
    assert probe(published).duration == pytest.approx(film.duration_s, abs=1 / 30)
    assert studio.record("uploaded_photos", UploadedPhotos).source == f"{studio.settings.uploads}/{CAMPAIGN}"
    assert films_frame(studio.store).campaign.tolist() == [CAMPAIGN]
    assert list(find_flaws(studio.store, studio.instance)) == []
    assert not (tmp_path / "machine").exists(), "nothing is on this machine"

    again = studio.made()
    assert (again.found, again.media, studio.clips.calls, studio.tracks.calls) == (True, film.media, [], [])

    studio.store.close()  # another machine, which has fetched nothing
    scene = next(clip.scene for clip in film.scenes if clip.take)
    edited = studio.made(config={scene: {"seed": 7}})
    assert (studio.clips.calls, studio.tracks.calls) == ([scene], [])
    assert edited.media != film.media


def test_an_outage_in_the_middle_is_told_clearly_and_the_run_goes_on_afterwards(studio: BucketStudio):
    down: list[bool] = []
    refused: list[str] = []
    out_of_order(studio.store._bucket.client, lambda: bool(down), refused)

    class GoesDown(FakeClips):
        def make_clip(self, order: Any, *rest: Any) -> None:
            super().make_clip(order, *rest)
            if len(self.calls) == 2:
                down.append(True)

    studio.clips = GoesDown(studio.clips.worker)
    failed = studio.run()
    assert not failed.success
    told = why(failed)
    assert f"{studio.settings.store}/" in told
    assert "run again" in told
    assert len(refused) > 1, "it was tried again"
    first, second = studio.clips.calls[:2]

    down.clear()
    busy = studio.run()
    assert not busy.success, "its claim could not be ended and stands for a while"
    for claim in list(studio.store.walk(keys.LEASES)):  # as after LEASE_S
        studio.store.remove(claim.key)
    studio.clips = FakeClips(studio.clips.worker)
    film = studio.made()
    assert first not in studio.clips.calls, "what was finished is found"
    assert second in studio.clips.calls
    assert film.frames == sum(order.shot.frames for order in studio.record("orders", Orders).scenes if order.shot)


def test_the_sensor_sees_what_is_dropped_and_that_its_film_is_there(s3: S3, studio: BucketStudio):
    dropping = UploadsResource(**form_of(studio.settings.uploads), settle_s=60.0)

    def due(later_s: float) -> list[str]:
        tick = reconcile(studio.store, studio.instance, dropping, "", time.time() + later_s, pytest.fail)
        return [each.campaign for each in tick.due]

    assert due(0.0) == [], "it is not quiet yet"
    assert due(120.0) == [CAMPAIGN]
    studio.made()
    assert due(240.0) == []
    s3.client.put_object(
        Bucket=studio.settings.uploads.name, Key=f"uploads/{CAMPAIGN}/campaign.yaml", Body=b"client: Ana\n"
    )
    assert due(360.0) == [CAMPAIGN]


def test_the_graph_reads_its_places_from_the_settings(studio: BucketStudio):
    defs = build_defs(studio.settings, retry=AT_ONCE)
    assert defs.resources is not None
    assert (defs.resources["store"].place, defs.resources["uploads"].place) == (
        studio.settings.store,
        studio.settings.uploads,
    )
