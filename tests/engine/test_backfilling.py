"""Backfills: which campaigns are meant, what is stale, and how one is begun, paused and resumed."""

import shutil
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus
from studio_kit import Studio

from property_video.core import fingerprints
from property_video.core.buying import Market
from property_video.core.edits import Edit
from property_video.core.errors import BadInput, PropertyVideoError
from property_video.definitions import build_defs
from property_video.defs import wanted as wishes_of
from property_video.engine.backfilling import (
    Wanted,
    backfills,
    choose,
    launch,
    pause,
    progress,
    resume,
    unfinished_with,
)
from property_video.engine.staleness import Staleness, staleness
from property_video.store import keys
from property_video.store.edits import add_edit
from property_video.storyboards import load_moves, load_storyboard

NOW = 1_800_000_000.0


# --- stale


def stale(studio: Studio) -> Staleness:
    return staleness(studio.store, studio.film(), load_moves(), Market())


def test_a_film_is_not_stale_when_nothing_has_changed(studio: Studio):
    found = stale(studio)
    assert (found.is_stale, found.cannot, found.estimate_usd) == (False, "", 0.0)


@pytest.mark.parametrize(
    ("step", "pieces"),
    [
        ("clip", {"scene_1", "scene_2", "scene_6"}),
        ("track", {"audio_track"}),
        ("film", {"final_video"}),
        ("look", {"photos"}),
        ("reading", {"photos"}),
        ("hosted_clip", set()),
        ("choice", set()),
    ],
)
def test_a_newer_version_of_a_step_makes_exactly_its_pieces_stale(studio: Studio, monkeypatch, step, pieces):
    monkeypatch.setitem(fingerprints.VERSIONS, step, 99)
    assert set(stale(studio).pieces) == pieces


def test_a_storyboard_that_was_changed_makes_its_scenes_stale(studio: Studio, monkeypatch):
    def changed(name):
        board = load_storyboard(name)
        first, *others = board.scenes
        return board.model_copy(update={"scenes": (first.model_copy(update={"move": "pull_back"}), *others)})

    monkeypatch.setattr(wishes_of, "load_storyboard", changed)
    assert stale(studio).pieces == ("scene_1",)


def test_a_film_that_cannot_be_made_any_more_is_told_and_not_chosen(studio: Studio, monkeypatch):
    def gone(name):
        raise BadInput(f"There is no storyboard {name!r}.")

    monkeypatch.setattr(wishes_of, "load_storyboard", gone)
    chosen = choose(studio.settings, Wanted())
    assert (chosen.campaigns, list(chosen.cannot)) == ((), [studio.campaign])


def test_to_compare_writes_nothing(studio: Studio, monkeypatch):
    monkeypatch.setitem(fingerprints.VERSIONS, "clip", 99)
    before = {entry.key: entry.changed for entry in studio.store.walk("")}
    assert stale(studio).is_stale
    assert {entry.key: entry.changed for entry in studio.store.walk("")} == before


# --- which


@pytest.fixture
def three(studio: Studio) -> Studio:
    """Three campaigns with one film; only the first has the records of what it is made of."""
    for name, client in (("elm", "Other"), ("fir", "Other")):
        film = studio.film().model_copy(update={"campaign": name, "client": client})
        studio.store.write(keys.record("final_video", name), film)
        for asset in ("brief", "uploaded_photos", "photo_analysis", "selected_pairs"):
            source = studio.store.path(keys.record(asset, studio.campaign))
            shutil.copyfile(source, studio.store.path(keys.record(asset, name)))
    return studio


def test_campaigns_are_chosen_by_name_by_client_and_by_the_day_of_their_film(three: Studio):
    settings, today = three.settings, datetime.now(UTC).date()
    assert choose(settings, Wanted()).campaigns == ("elm", "fir", three.campaign)
    assert choose(settings, Wanted(client="other")).campaigns == ("elm", "fir")
    assert choose(settings, Wanted(campaigns=("fir", three.campaign), client="Other")).campaigns == ("fir",)
    assert len(choose(settings, Wanted(since=today)).campaigns) == 3
    assert choose(settings, Wanted(since=today + timedelta(days=1))).campaigns == ()
    assert choose(settings, Wanted(since=date(2020, 1, 1))).campaigns != ()
    with pytest.raises(BadInput, match="elm"):
        choose(settings, Wanted(campaigns=("elmm",)))


def test_only_those_are_stale_whose_film_would_be_another(three: Studio):
    add_edit(three.store, "elm", Edit(scene="scene_1", values={"seed": 77}))
    chosen = choose(three.settings, Wanted(stale=True))
    assert chosen.campaigns == ("elm",)
    assert chosen.why == {"elm": ("scene_1",)}


# --- begun, paused, resumed


def has_run(studio: Studio, backfill: str, campaign: str, status: dg.DagsterRunStatus) -> None:
    studio.instance.create_run_for_job(
        job_def=dg.GraphDefinition(name="film").to_job(),
        status=status,
        tags={"dagster/backfill": backfill, "dagster/partition": campaign},
    )


def test_a_backfill_is_dagsters_own_behind_all_that_arrives_and_tells_how_it_stands(three: Studio):
    settings, instance = three.settings, three.instance
    found = launch(settings, instance, ["elm", "fir", three.campaign], NOW)
    backfill = instance.get_backfill(found)
    assert backfill.status == BulkActionStatus.REQUESTED
    assert int(backfill.tags["dagster/priority"]) < 0
    has_run(three, found, "elm", dg.DagsterRunStatus.SUCCESS)
    has_run(three, found, "fir", dg.DagsterRunStatus.FAILURE)
    has_run(three, found, "fir", dg.DagsterRunStatus.STARTED)  # tried again
    has_run(three, found, three.campaign, dg.DagsterRunStatus.NOT_STARTED)
    now = progress(settings, instance, found)
    assert (now.total, now.done, now.failed, now.running, now.queued, now.is_over) == (3, 1, 0, 1, 1, False)
    assert [each.id for each in backfills(settings, instance)] == [found]


def test_one_scene_alone_makes_the_film_follow(three: Studio):
    found = launch(three.settings, three.instance, ["elm"], NOW, only="scene_3")
    selected = {key.path[-1] for key in three.instance.get_backfill(found).asset_selection}
    assert selected == {"scene_3", "audio_track", "final_video"}
    with pytest.raises(BadInput, match="scene_9"):
        launch(three.settings, three.instance, ["elm"], NOW, only="scene_9")


def test_a_paused_backfill_goes_on_with_what_has_no_film_of_it_yet(three: Studio):
    settings, instance = three.settings, three.instance
    first = launch(settings, instance, ["elm", "fir"], NOW, only="scene_3")
    has_run(three, first, "elm", dg.DagsterRunStatus.SUCCESS)
    has_run(three, first, "fir", dg.DagsterRunStatus.CANCELED)
    with pytest.raises(PropertyVideoError, match="under way"):
        resume(settings, instance, first, NOW)
    pause(instance, first)
    instance.update_backfill(instance.get_backfill(first).with_status(BulkActionStatus.CANCELED))  # the daemon's part
    assert progress(settings, instance, first).state == "paused"
    with pytest.raises(BadInput, match="paused"):
        pause(instance, first)
    second = resume(settings, instance, first, NOW)
    assert second is not None
    assert progress(settings, instance, second).total == 1
    assert instance.get_backfill(second).asset_selection == instance.get_backfill(first).asset_selection
    has_run(three, second, "fir", dg.DagsterRunStatus.SUCCESS)
    instance.update_backfill(instance.get_backfill(second).with_status(BulkActionStatus.COMPLETED_SUCCESS))
    assert resume(settings, instance, second, NOW) is None


def test_an_unknown_backfill_is_told(three: Studio):
    with pytest.raises(BadInput, match="no backfill"):
        progress(three.settings, three.instance, "nonsense")


def test_a_backfill_of_which_a_campaign_was_deleted_can_still_be_looked_at(three: Studio):
    settings, instance = three.settings, three.instance
    found = launch(settings, instance, ["elm", "fir"], NOW)
    assert unfinished_with(settings, instance, "elm") == [found]
    has_run(three, found, "fir", dg.DagsterRunStatus.SUCCESS)
    serialized = instance.get_backfill(found)
    graph = build_defs(settings).resolve_asset_graph()
    data = serialized.get_asset_backfill_data(graph)
    stored = serialized.with_asset_backfill_data(data, dynamic_partitions_store=instance, asset_graph=graph)
    instance.update_backfill(stored.with_status(BulkActionStatus.COMPLETED_SUCCESS))
    instance.delete_dynamic_partition("campaign", "elm")
    assert progress(settings, instance, found).done == 1
    assert unfinished_with(settings, instance, "elm") == []
