"""The sensor on uploads: wanted, there, under way; and everything that is none of its business."""

import os
import shutil
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from studio_kit import Studio, write_photo

from property_video.core.edits import Edit
from property_video.core.outputs import Clip
from property_video.core.reconcile import BACK_OFF_S, MOST_ATTEMPTS, ROUND
from property_video.defs import sensors
from property_video.defs.io_managers import RecordIOManager
from property_video.defs.reconciling import REQUEST_TAG
from property_video.defs.resources import Outbox
from property_video.defs.sensors import PRIORITY_TAG, uploads_sensor
from property_video.intake.sources import Source, find_source
from property_video.intake.uploads import open_uploads
from property_video.store import keys
from property_video.store.edits import add_edit
from property_video.store.local import LocalStore

SETTLE_S = 60.0

NOTHING = dg.GraphDefinition(name="film").to_job()
"""A job of the film's name: the sensor asks who runs, not what."""


@dataclass
class Uploads:
    """A plain object with what the sensor reads, and nothing else."""

    place: Path
    settle_s: float = SETTLE_S


@dataclass
class Watch:
    """The sensor, and the world that it looks at."""

    uploads: Path
    store: LocalStore
    instance: dg.DagsterInstance
    later_s: float = 0.0
    cursor: str = ""

    def time(self) -> float:
        return time.time() + self.later_s

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
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        found = uploads_sensor(context, store=self.store, uploads=Uploads(self.uploads), outbox=Outbox())
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        self.cursor = (context.cursor if isinstance(found, dg.SkipReason) else found.cursor) or ""
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
def watch(tmp_path, store, instance, monkeypatch) -> Watch:
    found = Watch(tmp_path / "uploads", store, instance)
    found.uploads.mkdir()
    monkeypatch.setattr(sensors, "time", found)  # the sensor asks for the time, nothing else
    return found


@pytest.fixture
def world(studio: Studio, monkeypatch) -> Watch:
    """The sensor, over a film that is finished and answers what is wanted."""
    found = Watch(studio.settings.uploads, studio.store, studio.instance)
    monkeypatch.setattr(sensors, "time", found)
    found.later_s = 1000.0  # aging the files would be a change of them
    return found


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


@pytest.mark.parametrize("age_s", [0.0, 1000.0])
def test_a_file_that_is_still_being_copied_makes_its_folder_wait(watch, age_s):
    folder = watch.drop("oak", "pool.jpg", "photos/kitchen.jpg.part", age_s=age_s)
    (folder / "_READY").touch()
    assert watch.requests() == {}
    (folder / "photos" / "kitchen.jpg.part").rename(folder / "photos" / "kitchen.jpg")
    assert "oak" in watch.requests()


def test_a_folder_that_says_it_is_ready_does_not_wait(watch):
    folder = watch.drop("oak", age_s=0)
    assert watch.requests() == {}
    (folder / "_READY").touch()
    assert "oak" in watch.requests()


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


def test_the_film_that_a_run_makes_answers_the_request_that_asked_for_it(world, studio: Studio):
    """The sensor and the graph reckon the same fingerprint, or each film would be made for ever."""
    assert world.requests() == {}, "the film that is there, made without the sensor, answers what the sensor wants"
    add_edit(studio.store, studio.campaign, Edit(scene="scene_1", values={"seed": 9}))
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


def ends(watch: Watch, run: dg.RunRequest, kind: str = "", why: str = "It broke.") -> None:
    """Let the run that was requested fail: in a step with that type of error, or with its worker."""
    if not kind:
        watch.has_run(run, dg.DagsterRunStatus.FAILURE)
        return

    @dg.op(name="breaks")
    def op():
        raise dg.Failure(why, metadata={"error": kind, "reason": why, "remedy": "-"}, allow_retries=False)

    dg.GraphDefinition(name="film", node_defs=[op]).to_job().execute_in_process(
        instance=watch.instance,
        raise_on_error=False,
        tags={**run.tags, "dagster/partition": run.partition_key},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def test_a_run_whose_worker_died_is_tried_again_with_pauses_that_grow_and_then_given_up(watch):
    watch.drop("oak")
    keys_seen = []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        run = watch.requests()["oak"]
        keys_seen.append(run.run_key)
        ends(watch, run)
        assert watch.requests() == {}, "at once would be too soon"
        watch.later_s += BACK_OFF_S * 2 ** (attempt - 1) - 5
        assert watch.requests() == {}
        watch.later_s += 10
    assert watch.requests() == {}
    assert [key.rsplit(":", 1)[1] for key in keys_seen] == [str(each) for each in range(1, MOST_ATTEMPTS + 1)]


def why_it_waits(watch: Watch) -> str:
    """What the campaign's page shows."""
    found = watch.instance.fetch_observations(dg.AssetKey("final_video"), limit=5).records
    return " ".join(str(record.asset_observation.metadata["why"].value) for record in found)


def test_a_permanent_failure_waits_for_a_changed_request_and_says_why_on_the_campaigns_page(watch):
    watch.drop("oak")
    ends(watch, watch.requests()["oak"], "BadBrief", "campaign.yaml: moood: unknown key.")
    assert watch.requests() == {}
    assert why_it_waits(watch) == "campaign.yaml: moood: unknown key."
    watch.later_s += 86_400
    assert watch.requests() == {}
    assert why_it_waits(watch).count("moood") == 1, "it is said once"
    write_photo(watch.uploads / "oak" / "new.jpg", 1, size=(400, 400))
    watch.later_s += 500
    assert watch.requests()["oak"].run_key.endswith(":1")


@pytest.mark.parametrize("kind", ["StoreFull", "StoreError", "CampaignBusy", "TransientError", "ValueError"])
def test_a_failure_that_may_pass_is_tried_again(watch, kind):
    watch.drop("oak")
    ends(watch, watch.requests()["oak"], kind)
    watch.requests()
    watch.later_s += BACK_OFF_S + 5
    assert watch.requests()["oak"].run_key.endswith(":2")


def test_a_run_that_a_person_terminated_is_not_started_again(watch):
    watch.drop("oak")
    watch.has_run(watch.requests()["oak"], dg.DagsterRunStatus.CANCELED)
    watch.later_s += 86_400
    assert watch.requests() == {}
    assert "terminated by a person" in why_it_waits(watch)


def test_a_run_that_succeeds_without_its_film_is_no_loop(watch):
    watch.drop("oak")
    asked = 0
    for _ in range(4 * MOST_ATTEMPTS):
        for run in watch.requests().values():
            asked += 1
            watch.has_run(run, dg.DagsterRunStatus.SUCCESS)
        watch.later_s += 3600
    assert asked == MOST_ATTEMPTS


def test_a_run_that_the_daemon_did_not_come_to_make_is_asked_for_again_under_the_same_key(watch):
    watch.drop("oak")
    first = watch.requests()["oak"]
    assert watch.requests()["oak"].run_key == first.run_key


def test_a_lost_memory_costs_nothing_but_looks(watch):
    watch.drop("oak")
    run = watch.requests()["oak"]
    watch.has_run(run, dg.DagsterRunStatus.STARTED)
    watch.store.remove(keys.MEMORY)
    assert watch.requests() == {}


def test_new_listings_overtake_changed_ones_and_both_overtake_backfills(made):
    made.drop("elm")
    (made.uploads / "oak" / "kitchen.jpg").write_bytes(b"another photo")
    made.age(made.uploads / "oak", 500)
    found = {campaign: int(run.tags[PRIORITY_TAG]) for campaign, run in made.requests().items()}
    assert found["elm"] > found["oak"] > 0


# --- follows


def test_a_scene_that_was_made_alone_makes_its_film_follow_once(world, studio: Studio):
    assert world.requests() == {}
    key = keys.record("scene_1", studio.campaign)
    clip = studio.record("scene_1", Clip)
    other = clip.take.model_copy(update={"media": clip.take.media.model_copy(update={"bytes": 1})})
    manager = RecordIOManager(studio.store)
    context = dg.build_output_context(asset_key=dg.AssetKey("scene_1"), partition_key=studio.campaign)
    manager.handle_output(context, clip)
    assert world.requests() == {}, "the film shows that clip"
    manager.handle_output(context, clip.model_copy(update={"take": other}))
    (run,) = world.requests().values()
    world.has_run(run, dg.DagsterRunStatus.SUCCESS)
    studio.store.write(key, clip)  # that run made scene and film agree
    assert world.requests() == {}
    world.later_s += 86_400
    assert world.requests() == {}


def test_an_edit_of_a_campaign_whose_uploads_are_gone_makes_its_film_follow(world, studio: Studio):
    assert world.requests() == {}
    shutil.rmtree(studio.folder)
    assert world.requests() == {}, "removing uploads removes nothing and makes nothing"
    add_edit(studio.store, studio.campaign, Edit(scene="scene_1", values={"seed": 9}))
    request = world.requests()[studio.campaign].tags[REQUEST_TAG]
    assert studio.made().request == request
    assert world.requests() == {}


# --- scale


class Counting(LocalStore):
    """A store that counts what is asked of it."""

    asked: Counter[str]

    def read(self, key, kind):
        self.asked[key] += 1
        return super().read(key, kind)

    def keys(self, prefix):
        self.asked[f"{prefix}/"] += 1
        return super().keys(prefix)


def test_a_tick_over_many_known_campaigns_reads_those_that_are_new_and_a_bounded_round(watch, finished):
    """What a tick reads does not grow with history: that is what lets it scale, and no clock tells it reliably."""
    watch.store = Counting(watch.store.root)
    watch.store.asked = Counter()
    many, film = 3 * ROUND, finished.film()
    for number in range(many):
        watch.drop(f"c{number}")
    for run in (run for _ in range(many) for run in watch.requests().values()):
        answer = film.model_copy(update={"campaign": run.partition_key, "request": run.tags[REQUEST_TAG]})
        watch.store.write(keys.record("final_video", run.partition_key), answer)
        if run.partition_key == "c0":
            break
    assert watch.requests() == {}
    watch.store.asked.clear()
    for number in range(10):
        watch.drop(f"new{number}")
    assert len(watch.requests()) == 10
    films = sum(count for key, count in watch.store.asked.items() if "final_video" in key)
    assert films <= ROUND + 10
    assert watch.store.asked.total() <= 2 * films + 3  # a film and its edits each; memory, changes
    assert max(watch.store.asked.values()) == 1


# --- what cannot be read is never empty


def fails(watch: Watch) -> str:
    with pytest.raises(dg.Failure) as caught:
        watch.tick()
    return str(caught.value.description)


def test_missing_uploads_fail_the_tick(watch):
    watch.uploads.rmdir()
    assert "cannot be read" in fails(watch)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_uploads_that_cannot_be_read_fail_the_tick(watch, monkeypatch, error):
    watch.drop("oak")

    def scandir(_):
        raise error

    monkeypatch.setattr(os, "scandir", scandir)
    assert error.strerror in fails(watch)


@pytest.mark.parametrize("key", [keys.MEMORY, keys.record("final_video", "oak")])
def test_a_store_that_cannot_be_read_fails_the_tick_and_nothing_is_remembered(watch, key):
    watch.drop("elm")
    watch.drop("oak")
    watch.store.path(key).mkdir(parents=True)  # a folder in a record's place: reading it is an error of the disk
    assert "directory" in fails(watch)
    watch.store.path(key).rmdir()
    assert watch.requests().keys() == {"oak", "elm"}


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


def test_a_name_that_is_no_slug_is_brought_to_one_and_its_run_finds_the_folder(watch):
    watch.drop("Villa Solana, 12 Calle Mayor")
    assert watch.requests().keys() == {"villa-solana-12-calle-mayor"}
    found = find_source(watch.store, open_uploads(watch.uploads), "villa-solana-12-calle-mayor")
    assert found == watch.uploads / "Villa Solana, 12 Calle Mayor"


def test_names_that_come_to_one_slug_are_told_and_the_exact_one_is_the_campaign(watch, caplog):
    for name in ("oak", "Oak", "Elm Street", "elm_street", ".hidden"):
        watch.drop(name)
    (watch.uploads / "a-file.jpg").write_bytes(b"no folder")
    assert watch.requests().keys() == {"oak"}


def test_a_campaign_is_not_taken_over_by_a_folder_that_only_sounds_like_it(watch):
    watch.drop("Oak")
    watch.store.write(keys.source("oak"), Source(folder="/photos/of/oak"))
    assert watch.requests() == {}


# --- many


def test_a_long_row_of_campaigns_is_taken_in_bounded_ticks(watch):
    for number in range(30):
        watch.drop(f"c{number}", age_s=1000 + number)
    assert list(watch.requests()) == [f"c{number}" for number in range(25)]
