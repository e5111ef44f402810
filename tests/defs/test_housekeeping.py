"""The nightly tidying: tables merged without losing or doubling a row, films pruned, films in the making left alone."""

from studio_kit import Studio

from property_video.defs import housekeeping
from property_video.defs.housekeeping import PATIENCE_S, build_housekeeping, tidy
from property_video.reports.portfolio import clients_frame, films_frame
from property_video.reports.tables import compact_tables, record_film
from property_video.store import keys
from property_video.store.leases import campaign_lease


def test_tables_are_merged_and_say_the_same(studio: Studio):
    film = studio.film()
    for name in ("elm", "fir"):
        other = film.model_copy(update={"campaign": name})
        studio.store.write(keys.record("final_video", name), other)
        record_film(studio.store, other)
    before = films_frame(studio.store)
    assert tidy(studio.store, keep=3)["tables merged"] == 6
    assert studio.store.keys(keys.tables("films")) == []
    assert films_frame(studio.store).equals(before)
    record_film(studio.store, film.model_copy(update={"campaign": "elm", "client": "Another"}))
    assert dict(zip(*films_frame(studio.store)[["campaign", "client"]].to_numpy().T, strict=True))["elm"] == "Another"
    assert len(films_frame(studio.store)) == 3
    assert tidy(studio.store, keep=3)["tables merged"] == 2
    assert sorted(clients_frame(studio.store)["client"]) == ["Another", film.client]


def test_rows_of_a_campaign_without_a_film_go(studio: Studio):
    compact_tables(studio.store)
    studio.store.remove(keys.record("final_video", studio.campaign))
    compact_tables(studio.store)
    assert len(films_frame(studio.store)) == 0


def test_nothing_is_tidied_while_a_film_is_made_and_the_night_is_not_waited_away(studio: Studio):
    waited = []
    with campaign_lease(studio.store, studio.campaign, "a-run", wait_s=0):
        assert tidy(studio.store, 3, clock=lambda: sum(waited), sleep=waited.append) == {}
    assert PATIENCE_S <= sum(waited) < PATIENCE_S + 60
    assert studio.store.keys(keys.tables("films"))


def test_the_schedule_runs_every_night_and_its_job_works(studio: Studio, monkeypatch):
    schedule = build_housekeeping(3)
    assert schedule.cron_schedule == "30 3 * * *"
    monkeypatch.setattr(housekeeping, "PATIENCE_S", 0.0)
    job = schedule.job
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    assert job.execute_in_process(resources={"store": studio.store}, run_config=quiet).success
    assert studio.store.keys(keys.tables("films")) == []
