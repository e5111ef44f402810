"""The portfolio: every campaign's last film, one row each, and sums per client."""

import dagster as dg
import pytest

from property_video.defs.assets.portfolio import portfolio
from property_video.reports.portfolio import clients_frame, films_frame
from property_video.reports.tables import FILMS, SCENES, record_film
from property_video.store import keys


@pytest.fixture
def recorded(store, finished):
    """Three campaigns of two clients, one of them without a name."""
    template = finished.film()
    for campaign, client, cost in (("oak", "Sea & Sons", 1.25), ("elm", "Sea & Sons", 0.5), ("ash", "", 0.0)):
        record_film(store, template.model_copy(update={"campaign": campaign, "client": client, "cost_usd": cost}))
    return store


def test_without_films_the_portfolio_is_empty(store):
    assert films_frame(store).empty
    assert clients_frame(store).empty


def test_every_film_has_a_row_by_client_and_campaign(recorded, finished):
    frame = films_frame(recorded)
    assert list(zip(frame["client"], frame["campaign"], strict=True)) == [
        ("", "ash"),
        ("Sea & Sons", "elm"),
        ("Sea & Sons", "oak"),
    ]
    film, row = finished.film(), frame.iloc[2]
    assert (row["scenes"], row["left_out"], row["seconds"], row["cost_usd"]) == (3, 4, 6.0, 1.25)
    assert row["megabytes"] == pytest.approx(film.media.bytes / 1e6, abs=0.05)
    assert row["lufs"] == pytest.approx(-14, abs=0.5)
    assert row["cpu_seconds"] > 0


def test_clients_are_summed(recorded):
    frame = clients_frame(recorded).set_index("client")
    assert frame["films"].to_dict() == {"(no client)": 1, "Sea & Sons": 2}
    assert frame.loc["Sea & Sons", "cost_usd"] == 1.75
    assert frame.loc["Sea & Sons", "seconds"] == 12.0


def test_a_campaigns_new_film_takes_the_place_of_its_old_one(recorded, finished):
    record_film(recorded, finished.film().model_copy(update={"campaign": "oak", "client": "Other", "duration_s": 8.0}))
    frame = films_frame(recorded).set_index("campaign")
    assert len(frame) == 3
    assert frame.loc["oak", "seconds"] == 8.0


def test_text_with_quotes_stays_text(store, finished):
    name = 'O\'Neill "Co"; DROP TABLE rows; --'
    record_film(store, finished.film().model_copy(update={"campaign": "oak", "client": name}))
    assert list(films_frame(store)["client"]) == [name]


def test_tables_are_parquet_with_the_declared_columns(recorded):
    import duckdb

    for table, columns in (("films", FILMS), ("scenes", SCENES)):
        file = str(recorded.path(keys.table(table, "oak")))
        with duckdb.connect() as db:
            found = db.execute("DESCRIBE SELECT * FROM read_parquet($file)", {"file": file}).fetchall()
        assert {row[0]: row[1] for row in found} == columns


def test_scenes_are_recorded_with_what_was_left_out(finished):
    import duckdb

    file = str(finished.store.path(keys.table("scenes", finished.campaign)))
    with duckdb.connect() as db:
        rows = db.execute(
            "SELECT scene, seconds, left_out FROM read_parquet($f) ORDER BY scene", {"f": file}
        ).fetchall()
    assert rows[0] == ("scene_1", 2.0, "")
    assert rows[2] == ("scene_3", 0.0, "No photo is left that shows bathroom vanity.")


def test_the_asset_shows_both_tables_though_campaigns_of_the_graph_were_never_made(finished, instance):
    instance.add_dynamic_partitions("campaign", ["never-made"])
    result = dg.materialize([portfolio], instance=instance, resources={"store": finished.store})
    metadata = result.asset_materializations_for_node("portfolio")[0].metadata
    assert metadata["campaigns"].value == 1
    assert metadata["seconds of film"].value == 6.0
    assert metadata["films"].value.records[0].data["campaign"] == finished.campaign
    assert metadata["clients"].value.records[0].data["client"] == "Costa Lenta Estates"


def test_the_asset_has_something_to_say_before_the_first_film(store, instance):
    result = dg.materialize([portfolio], instance=instance, resources={"store": store})
    metadata = result.asset_materializations_for_node("portfolio")[0].metadata
    assert (metadata["campaigns"].value, metadata["films"].value) == (0, "none")
