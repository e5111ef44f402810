"""The sensor on uploads: wanted, there, under way; and everything that is none of its business."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from studio_kit import Studio, write_photo

from property_video.core.edits import Edit
from property_video.core.reconcile import MOST_ATTEMPTS
from property_video.defs.sensors import REQUEST_TAG, uploads_sensor
from property_video.store import keys
from property_video.store.edits import add_edit
from property_video.store.local import LocalStore

SETTLE_S = 60.0

NOTHING = dg.GraphDefinition(name="film").to_job()
"""A job of the film's name: the sensor asks who runs, not what."""


@dataclass
class Uploads:
    """A plain object with what the sensor reads, and nothing else."""

    folder: str
    settle_s: float = SETTLE_S


@dataclass
class Watch:
    """The sensor, and the world that it looks at."""

    uploads: Path
    store: LocalStore
    instance: dg.DagsterInstance

    def drop(self, campaign: str, *photos: str, age_s: float = 1000.0) -> Path:
        """A campaign's folder, untouched for that long."""
        folder = self.uploads / campaign
        for name in photos or ("pool.jpg",):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"a photo: the sensor opens none")
        self.age(folder, age_s)
        return folder

    def age(self, path: Path, age_s: float) -> None:
        """Let a file, or a folder with all that is in it, have changed that long ago."""
        moment = time.time() - age_s
        for each in (*path.rglob("*"), path):
            os.utime(each, (moment, moment))

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(instance=self.instance)
        found = uploads_sensor(context, store=self.store, uploads=Uploads(str(self.uploads)))
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        return found

    def requests(self) -> dict[str, dg.RunRequest]:
        found = self.tick()
        return {} if isinstance(found, dg.SkipReason) else {run.partition_key: run for run in found.run_requests}

    def skipped(self) -> str:
        found = self.tick()
        assert isinstance(found, dg.SkipReason)
        return found.skip_message

    def has_run(self, run: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
        """Let there be a run that was requested so."""
        self.instance.create_run_for_job(
            job_def=NOTHING,
            status=status,
            tags={**run.tags, "dagster/partition": run.partition_key},
        )


@pytest.fixture
def watch(tmp_path, store, instance) -> Watch:
    return Watch(tmp_path / "uploads", store, instance)


def test_a_settled_new_folder_becomes_a_partition_and_a_run(watch):
    watch.drop("oak")
    found = watch.tick()
    (partitions,), (run,) = found.dynamic_partitions_requests, found.run_requests
    assert (partitions.partitions_def_name, list(partitions.partition_keys)) == ("campaign", ["oak"])
    assert run.partition_key == "oak"
    assert run.run_key == f"oak:{run.tags[REQUEST_TAG]}:1"


def test_the_same_world_gives_the_same_key_so_that_no_run_is_started_twice(watch):
    watch.drop("oak")
    assert watch.requests()["oak"].run_key == watch.requests()["oak"].run_key


# --- settled


def test_a_folder_that_is_still_being_filled_waits(watch):
    watch.drop("oak", age_s=SETTLE_S - 5)
    assert watch.skipped() == "1 campaigns: none is due."


@pytest.mark.parametrize("name", ["pool.jpg", "campaign.yaml", "photos/kitchen.jpg", "photos", ""])
def test_any_young_part_of_a_folder_makes_it_wait(watch, name):
    """Also a photo that was copied with its old time: the folder it came into is young."""
    folder = watch.drop("oak", "pool.jpg", "photos/kitchen.jpg", "campaign.yaml")
    assert watch.requests()
    os.utime(folder / name)
    assert watch.requests() == {}


def test_a_camera_whose_clock_is_years_ahead_does_not_keep_a_campaign_waiting(watch):
    folder = watch.drop("oak", "pool.jpg", "kitchen.jpg")
    os.utime(folder / "pool.jpg", (time.time() + 1e8,) * 2)
    assert "oak" in watch.requests()


def test_a_server_whose_clock_is_seconds_ahead_does_not_rush_a_campaign(watch):
    folder = watch.drop("oak")
    os.utime(folder / "pool.jpg", (time.time() + 5,) * 2)
    assert watch.requests() == {}


# --- there


@pytest.fixture
def made(watch, finished) -> Watch:
    """The campaign's film answers its request."""
    watch.drop("oak")
    film = finished.film().model_copy(update={"campaign": "oak", "request": watch.requests()["oak"].tags[REQUEST_TAG]})
    watch.store.write(keys.record("final_video", "oak"), film)
    return watch


def test_a_film_that_answers_the_request_is_enough(made):
    assert made.skipped() == "1 campaigns: none is due."


@pytest.mark.parametrize("change", ["new photo", "changed photo", "renamed photo", "brief", "edit"])
def test_a_changed_request_is_due(made, change):
    folder = made.uploads / "oak"
    if change == "new photo":
        (folder / "kitchen.jpg").write_bytes(b"another photo")
    elif change == "changed photo":
        (folder / "pool.jpg").write_bytes(b"another one")
    elif change == "renamed photo":
        (folder / "pool.jpg").rename(folder / "swimming.jpg")
    elif change == "brief":
        (folder / "campaign.yaml").write_text("client: A\n")
    else:
        add_edit(made.store, "oak", Edit(scene="scene_1", values={"seed": 4}))
        assert "oak" in made.requests()
        return
    assert made.requests() == {}, "not yet settled"
    made.age(folder, 500)
    assert "oak" in made.requests()


def test_the_film_that_a_run_makes_answers_the_request_that_asked_for_it(watch, studio: Studio):
    """The sensor and the graph reckon the same fingerprint, or each film would be made for ever."""
    world = Watch(studio.settings.uploads, studio.store, studio.instance)
    world.age(studio.folder, 1000)
    request = world.requests()[studio.campaign].tags[REQUEST_TAG]
    assert studio.made().request == request
    assert world.requests() == {}


# --- under way


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_a_campaign_that_is_being_made_is_left_alone(watch, status):
    watch.drop("oak")
    watch.drop("elm")
    watch.has_run(watch.requests()["oak"], dg.DagsterRunStatus[status])
    assert watch.requests().keys() == {"elm"}


def test_a_failed_run_is_tried_again_a_few_times_each_with_a_key_of_its_own(watch):
    watch.drop("oak")
    seen = []
    for _ in range(MOST_ATTEMPTS):
        run = watch.requests()["oak"]
        seen.append(run.run_key)
        watch.has_run(run, dg.DagsterRunStatus.FAILURE)
    assert len(set(seen)) == MOST_ATTEMPTS
    assert watch.requests() == {}
    write_photo(watch.uploads / "oak" / "new.jpg", 1, size=(400, 400))
    watch.age(watch.uploads / "oak", 500)
    assert watch.requests()["oak"].run_key.endswith(":1")


# --- what cannot be read is never empty


def test_no_uploads_folder_is_told(watch):
    assert "Drop a campaign's folder into it" in watch.skipped()


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_an_uploads_folder_that_cannot_be_read_is_told(watch, monkeypatch, error):
    watch.drop("oak")

    def iterdir(_: Path):
        raise error

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert watch.skipped().endswith(f"cannot be read: {error.strerror}.")


def test_a_campaign_that_cannot_be_read_waits_and_others_do_not(watch):
    watch.drop("oak")
    watch.drop("elm")
    (watch.uploads / "elm" / "pool.jpg").unlink()  # empty: being replaced, perhaps
    assert watch.requests().keys() == {"oak"}


def test_edits_that_cannot_be_read_keep_their_campaign_waiting(watch):
    watch.drop("oak")
    add_edit(watch.store, "oak", Edit(values={"seed": 4}))
    watch.store.path(keys.edit("oak", 1)).write_text("torn")
    assert watch.requests() == {}


# --- names


def test_a_folder_whose_name_is_no_campaign_is_told_and_left_alone(watch):
    names = ["Villa Solana", "oak\nelm", "-x", "Ä", ".hidden", "a" * 100]
    for name in names:
        watch.drop(name)
    (watch.uploads / os.fsdecode(b"caf\xe9")).mkdir()
    watch.drop("elm")
    (watch.uploads / "a-file.jpg").write_bytes(b"no folder")
    assert watch.requests().keys() == {"elm"}


def test_a_long_row_of_campaigns_is_taken_in_bounded_ticks(watch):
    for number in range(30):
        watch.drop(f"c{number}", age_s=1000 + number)
    assert list(watch.requests()) == [f"c{number}" for number in range(25)]
