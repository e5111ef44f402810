"""What doctor finds in what is recorded, and how it mends it: what is safe, and nothing that was paid for."""

import pytest
from studio_kit import Studio
from typer.testing import CliRunner

from property_video import cli
from property_video.core.errors import CampaignBusy
from property_video.core.ledger import Claimed, Owner, Skipped
from property_video.core.outputs import Film
from property_video.engine.processes import signature
from property_video.engine.repair import Flaw, find_flaws
from property_video.orders.journal import Journal
from property_video.store import keys
from property_video.store.leases import campaign_lease


def flaws(studio: Studio) -> list[Flaw]:
    return list(find_flaws(studio.store, studio.instance))


def mended(studio: Studio) -> str:
    """Mend the one flaw there is; nothing is wrong afterwards."""
    (flaw,) = flaws(studio)
    assert flaw.mend is not None
    told = flaw.mend()
    assert flaws(studio) == []
    return told


def record_of(studio: Studio) -> str:
    return keys.record("final_video", studio.campaign)


def test_a_finished_film_has_no_flaw(finished: Studio):
    assert flaws(finished) == []


def test_a_film_without_a_record_is_recorded_again(studio: Studio):
    film = studio.film()
    studio.store.remove(record_of(studio))
    assert mended(studio) == "recorded again"
    assert studio.film().media == film.media
    assert studio.film().request == film.request


def test_a_film_of_which_nothing_is_known_is_removed(studio: Studio):
    studio.store.remove(record_of(studio))
    for key in studio.store.keys(keys.takes(studio.campaign, "final_video")):
        studio.store.remove(key)
    assert mended(studio).startswith("removed")
    assert not studio.store.exists(keys.film(studio.campaign))


def test_a_record_without_its_film_is_forgotten_and_the_next_run_makes_the_film_of_the_clips_there(studio: Studio):
    film = studio.film()
    studio.store.remove(film.media.key)
    assert mended(studio).startswith("forgotten")
    assert studio.store.read(record_of(studio), Film) is None
    assert studio.made().media == film.media
    assert studio.clips.calls == []


def test_a_film_that_is_not_under_its_name_is_published_again(studio: Studio):
    studio.store.remove(keys.film(studio.campaign))
    assert mended(studio) == "published again"
    published = studio.store.media_path(keys.film(studio.campaign))
    assert published.read_bytes() == studio.store.media_path(studio.film().media.key).read_bytes()


def test_a_campaign_that_a_run_holds_is_left_to_it(studio: Studio):
    studio.store.remove(record_of(studio))
    (flaw,) = flaws(studio)
    assert flaw.mend is not None
    with campaign_lease(studio.store, studio.campaign, "theirs", wait_s=0), pytest.raises(CampaignBusy):
        flaw.mend()
    assert not studio.store.exists(record_of(studio))


def test_leftovers_of_killed_processes_are_removed(studio: Studio):
    with studio.store.scratch("clip"):
        left = studio.store.path(keys.SCRATCH) / "clip-left"
        left.mkdir()
        (left / "half.mp4").write_bytes(b"half")
        assert mended(studio) == "1 removed"
    assert not left.exists()


def test_a_journal_with_a_gap_is_told_and_left_to_people(studio: Studio):
    journal = Journal(studio.store, studio.campaign)
    at = "2026-11-20T09:00:00Z"
    journal.append("scene_1-abc", Claimed(at=at, owner=Owner(host="here", pid=1, started="1")))
    for _ in range(2):
        journal.append("scene_1-abc", Skipped(at=at, rung="fast", reason="no key"))
    studio.store.remove(keys.journal_entry(studio.campaign, "scene_1-abc", 2))
    (flaw,) = flaws(studio)
    assert flaw.mend is None
    assert "000002.json is missing" in flaw.what
    assert len(studio.store.keys(keys.journal(studio.campaign, "scene_1-abc"))) == 2


def test_runs_whose_process_is_gone_are_marked_as_failed(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    import dagster as dg

    run = studio.instance.create_run_for_job(
        job_def=dg.GraphDefinition(name="film").to_job(), status=dg.DagsterRunStatus.STARTED
    )
    studio.instance.add_run_tags(run.run_id, signature(run.run_id))
    assert flaws(studio) == []
    monkeypatch.setattr("property_video.engine.workers.is_alive", lambda *_: False)
    assert mended(studio).startswith("1 marked as failed")


def test_doctor_tells_and_repairs(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    for name, value in (("DAGSTER_HOME", "home"), ("PROPERTY_VIDEO_STORE", "store"), ("PROPERTY_VIDEO_UPLOADS", "up")):
        monkeypatch.setenv(name, str(studio.settings.home.parent / value))
    studio.store.remove(record_of(studio))
    told = CliRunner().invoke(cli.app, ["doctor"])
    assert (told.exit_code, "oak-street: its film has no record: `property-video doctor --repair`" in told.stdout) == (
        1,
        True,
    )
    repaired = CliRunner().invoke(cli.app, ["doctor", "--repair"])
    assert (repaired.exit_code, "recorded again" in repaired.stdout) == (0, True)
    assert CliRunner().invoke(cli.app, ["doctor"]).exit_code == 0
